"""The few figures of vLLM's `/metrics` that tell how busy a server is."""

from dataclasses import dataclass

__all__ = ["Figures", "figures_of"]

_NAMES = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "kv_cache",
    # Before 0.10.
    "vllm:gpu_cache_usage_perc": "kv_cache",
}
_FINISHED, _TOKENS = "vllm:request_success_total", "vllm:generation_tokens_total"
_SLEEP = "vllm:engine_sleep_state"


@dataclass(frozen=True, slots=True)
class Figures:
    """How busy a server is, all its engine processes together.

    Attributes:
        running: calls that it works on.
        waiting: calls in its queue.
        kv_cache: share of its memory for contexts that is in use, in 0..1; of the fullest process.
        finished: calls that it has answered since it started.
        is_asleep: its weights are not in the device's memory.
        tokens: that it has written since it started.
    """

    running: int = 0
    waiting: int = 0
    kv_cache: float = 0.0
    finished: int = 0
    is_asleep: bool = False
    tokens: int = 0


def figures_of(text: str) -> Figures | None:
    """The figures; None when the page is not vLLM's.

    Args:
        text: of `/metrics`, in Prometheus' format, where a sample is `name{labels} value`.
    """
    found: dict[str, float] = {}
    is_asleep, finished, tokens = False, 0.0, 0.0
    for line in text.splitlines():
        if not line.startswith("vllm:"):
            continue
        name = line.partition("{")[0].partition(" ")[0]
        if name not in _NAMES and name not in {_SLEEP, _FINISHED, _TOKENS}:
            continue
        value = _value(line)
        if name == _FINISHED:
            finished += value
        elif name == _TOKENS:
            tokens += value
        elif name == _SLEEP:
            is_asleep |= value > 0 and 'sleep_state="awake"' not in line
        elif _NAMES[name] == "kv_cache":
            found["kv_cache"] = max(value, found.get("kv_cache", 0.0))
        else:
            found[_NAMES[name]] = found.get(_NAMES[name], 0.0) + value
    if not found:
        return None
    running, waiting = int(found.get("running", 0)), int(found.get("waiting", 0))
    cache = found.get("kv_cache", 0.0)
    return Figures(running, waiting, cache, int(finished), is_asleep, int(tokens))


def _value(line: str) -> float:
    try:
        return float(line.rpartition(" ")[2])
    except ValueError:
        return 0.0
