"""Dashboard *vLLM*: what the server says of itself, and what the gateways see of endpoints."""

from .model import Board, Panel, Query, Row, Variable, per_second, quantile
from .vllm_endpoints import ENDPOINTS

__all__ = ["VLLM"]

SERVER = 'instance=~"$server",model_name=~"$model"'


def within(share: float, histogram: str, name: str = "") -> Query:
    """A percentile, over all servers."""
    text = quantile(share, f"vllm:{histogram}", where=SERVER)
    return Query(text, name or f"{share:.0%} within")


def gauge(metric: str, name: str = "{{instance}}") -> Query:
    """By server."""
    return Query(f"sum by (instance) (vllm:{metric}{{{SERVER}}})", name)


def tokens(counter: str, name: str) -> Query:
    """Per second, over all servers."""
    return Query(per_second(f"vllm:{counter}_total", where=SERVER), name)


def hits(cache: str, name: str) -> Query:
    """Share of what was found, by what was looked up."""
    found, asked = (
        per_second(f"vllm:{cache}_{what}_total", where=SERVER) for what in ("hits", "queries")
    )
    return Query(f"{found} / ({asked} > 0) or vector(0)", name)


GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Servers up",
            "vLLM servers that Prometheus reaches; without one, pages go to other engines.",
            (Query('count(up{job="vllm"} == 1) or vector(0)'),),
            "none",
            "stat",
            limits=(1,),
            low_is_bad=True,
            alerts=("VlmEndpointAway",),
        ),
        Panel("Running", "Calls in work.", (gauge("num_requests_running"),), "none", "stat"),
        Panel(
            "Waiting",
            "Calls in the servers' own queues. The gateway sends no more than `concurrency`, so"
            " this is near 0 unless others ask too.",
            (gauge("num_requests_waiting"),),
            "none",
            "stat",
            limits=(4, 16),
            alerts=("VlmQueueLong",),
        ),
        Panel(
            "Memory for contexts",
            "In use; when it is full, calls wait or are begun anew.",
            (Query(f"max(vllm:kv_cache_usage_perc{{{SERVER}}})"),),
            "percentunit",
            "stat",
            limits=(0.8, 0.95),
            top=1,
            alerts=("VlmContextMemoryFull",),
        ),
        Panel(
            "95 % begin within",
            "From a call to its first token, as the server measures it.",
            (within(0.95, "time_to_first_token_seconds"),),
            "s",
            "stat",
            limits=(5, 15),
        ),
        Panel(
            "Tokens written",
            "Per second, over all servers.",
            (tokens("generation_tokens", ""),),
            "short",
            "stat",
        ),
    ),
)

LOAD = Row(
    "Load",
    (
        Panel(
            "How many calls run and wait?",
            "By server. More waiting than running means that the server is the narrow place.",
            (
                gauge("num_requests_running", "{{instance}}: run"),
                gauge("num_requests_waiting", "{{instance}}: wait"),
            ),
            "none",
            alerts=("VlmQueueLong",),
        ),
        Panel(
            "Why do calls wait?",
            "`capacity`: no room in memory or in the batch; `deferred`: for something else, such as"
            " an earlier step.",
            (
                Query(
                    f"sum by (reason) (vllm:num_requests_waiting_by_reason{{{SERVER}}})",
                    "{{reason}}",
                ),
            ),
            "none",
            shape="stack",
        ),
        Panel(
            "How full is the memory for contexts?",
            "By server. Near 100 % calls are thrown out and begun anew (the panel beside).",
            (Query(f"max by (instance) (vllm:kv_cache_usage_perc{{{SERVER}}})", "{{instance}}"),),
            "percentunit",
            limits=(0.8, 0.95),
            top=1,
            alerts=("VlmContextMemoryFull",),
        ),
        Panel(
            "How many calls are begun anew?",
            "Preemptions per minute: `--max-num-seqs` or the length of contexts is too much for the"
            " memory.",
            (
                Query(
                    "60 * " + per_second("vllm:num_preemptions_total", where=SERVER), "per minute"
                ),
            ),
            "none",
            shape="bars",
            decimals=1,
        ),
        Panel(
            "How do calls end?",
            "Per second. `stop`: the text was whole; `length`: cut; `abort`: the caller left.",
            (
                Query(
                    per_second("vllm:request_success_total", "finished_reason", where=SERVER),
                    "{{finished_reason}}",
                ),
            ),
            "reqps",
            shape="stack",
        ),
        Panel(
            "Is the server awake?",
            "1 for the state that it is in. It sleeps after `MAOOCR_VLM__SLEEP_AFTER_SECONDS`.",
            (
                Query(
                    f"max by (sleep_state) (vllm:engine_sleep_state{{{SERVER}}})",
                    "{{sleep_state}}",
                ),
            ),
            "none",
            top=1,
        ),
    ),
)

TIMES = Row(
    "Times",
    (
        Panel(
            "How long until the first token?",
            "The picture and the prompt are worked through in this time.",
            tuple(within(share, "time_to_first_token_seconds") for share in (0.5, 0.95, 0.99)),
            "s",
        ),
        Panel(
            "How long between two tokens?",
            "What a stream feels like; it grows with the number of calls in a batch.",
            tuple(within(share, "inter_token_latency_seconds") for share in (0.5, 0.95, 0.99)),
            "s",
        ),
        Panel(
            "How long does a call take?",
            "From its arrival to its last token.",
            tuple(within(share, "e2e_request_latency_seconds") for share in (0.5, 0.95, 0.99)),
            "s",
        ),
        Panel(
            "Where does the time of 95 % go?",
            "In the queue, with the prompt, with the answer.",
            (
                within(0.95, "request_queue_time_seconds", "in the queue"),
                within(0.95, "request_prefill_time_seconds", "with the prompt"),
                within(0.95, "request_decode_time_seconds", "with the answer"),
            ),
            "s",
        ),
        Panel(
            "How long are prompts and answers?",
            "Tokens of 95 % of the calls at most; pictures are most of a prompt.",
            (
                within(0.95, "request_prompt_tokens", "prompt"),
                within(0.95, "request_generation_tokens", "answer"),
            ),
            "short",
        ),
        Panel(
            "How many tokens per second?",
            "Read and written, over all servers.",
            (tokens("prompt_tokens", "read"), tokens("generation_tokens", "written")),
            "short",
        ),
        Panel(
            "What do the caches save?",
            "Tokens of prompts that were known, and pictures that were. OCR asks nothing twice, so"
            " both are often off.",
            (hits("prefix_cache", "prompts"), hits("mm_cache", "pictures")),
            "percentunit",
            top=1,
        ),
        Panel(
            "How large are the steps?",
            "Tokens of one step of the model, on average: the batch that the accelerator gets.",
            (
                Query(
                    per_second("vllm:iteration_tokens_total_sum", where=SERVER)
                    + f" / ({per_second('vllm:iteration_tokens_total_count', where=SERVER)} > 0)",
                    "tokens",
                ),
            ),
            "short",
        ),
        Panel(
            "How much memory does the server's front take?",
            "Of the process that answers; the model is in the accelerator, or in another process.",
            (
                Query(
                    'process_resident_memory_bytes{job="vllm",instance=~"$server"}', "{{instance}}"
                ),
            ),
            "bytes",
        ),
    ),
)

VLLM = Board(
    "vllm",
    "vLLM",
    "What the vLLM servers say of themselves, and what the gateways see of every endpoint.",
    (GLANCE, LOAD, TIMES, ENDPOINTS),
    (
        Variable("server", "Server", 'label_values(up{job="vllm"}, instance)'),
        Variable("model", "Model", "label_values(vllm:num_requests_running, model_name)"),
        Variable("endpoint", "Endpoint", "label_values(maoocr_vlm_endpoint_up, endpoint)"),
    ),
)
