"""Dashboard *vLLM*, its second half: what the gateways see of every endpoint."""

from .model import Panel, Query, Row, or_none, per_second, quantile

__all__ = ["ENDPOINTS"]

ENDPOINT = 'endpoint=~"$endpoint"'

ENDPOINTS = Row(
    "As the gateways see it",
    (
        Panel(
            "Which endpoints get calls?",
            "1 while an endpoint may get calls, 0 while it is left alone after failures.",
            (Query(f"min by (endpoint) (maoocr_vlm_endpoint_up{{{ENDPOINT}}})", "{{endpoint}}"),),
            "none",
            limits=(1,),
            low_is_bad=True,
            top=1,
            alerts=("VlmEndpointAway",),
        ),
        Panel(
            "How do calls of endpoints end?",
            "Per second, by why the text ends or why there is none.",
            (
                Query(
                    per_second("maoocr_vlm_calls_total", "endpoint", "outcome", where=ENDPOINT),
                    "{{endpoint}}: {{outcome}}",
                ),
            ),
            "reqps",
            shape="stack",
        ),
        Panel(
            "How many calls are in flight?",
            "Over all gateways; each sends at most `concurrency`.",
            (
                Query(
                    f"sum by (endpoint) (maoocr_vlm_calls_in_flight{{{ENDPOINT}}})", "{{endpoint}}"
                ),
            ),
            "none",
            shape="stack",
        ),
        Panel(
            "How long do 95 % take?",
            "To the end of the text, and to its first piece, with the network in between.",
            tuple(
                Query(
                    quantile(0.95, f"maoocr_vlm_{what}_seconds", "endpoint", where=ENDPOINT),
                    f"{{{{endpoint}}}}: {name}",
                )
                for what, name in (("call", "whole"), ("first_token", "first piece"))
            ),
            "s",
        ),
        Panel(
            "How many tokens does each endpoint count?",
            "Per second: prompts with their pictures, and answers.",
            (
                Query(
                    per_second("maoocr_vlm_tokens_total", "endpoint", "kind", where=ENDPOINT),
                    "{{endpoint}}: {{kind}}",
                ),
            ),
            "short",
        ),
        Panel(
            "Why are endpoints left alone?",
            "Times per hour, by the last failure.",
            (
                Query(
                    or_none(
                        "3600 * "
                        + per_second(
                            "maoocr_vlm_breaker_openings_total",
                            "endpoint",
                            "reason",
                            where=ENDPOINT,
                        ),
                        "endpoint",
                        "reason",
                    ),
                    "{{endpoint}}: {{reason}}",
                ),
            ),
            "none",
            shape="bars",
            decimals=1,
            alerts=("VlmEndpointAway",),
        ),
        Panel(
            "How do calls of /v1 end?",
            "Per second: answered, left by the caller, or an error's code.",
            (
                Query(
                    or_none(
                        per_second("maoocr_v1_calls_total", "engine", "outcome"),
                        "engine",
                        "outcome",
                    ),
                    "{{engine}}: {{outcome}}",
                ),
            ),
            "reqps",
            shape="stack",
        ),
        Panel(
            "How many calls of /v1 wait?",
            "For a slot that documents leave them (`MAOOCR_VLM__V1_SHARE`).",
            (Query("sum by (engine) (maoocr_v1_waiting_calls)", "{{engine}}"),),
            "none",
            shape="stack",
        ),
    ),
)
