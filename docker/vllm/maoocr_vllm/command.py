"""The command that serves the model, and the environment that it gets."""

from collections.abc import Mapping

from .wishes import OWN_NAMES, Wishes

__all__ = ["PORT", "environment_of", "flags_of"]

PORT = 8000

_ALWAYS = (
    "--host",
    "0.0.0.0",
    "--port",
    str(PORT),
    "--limit-mm-per-prompt",
    '{"image": 1, "video": 0}',
    # No picture is read twice: these would only keep documents in memory.
    "--no-enable-prefix-caching",
    "--mm-processor-cache-gb",
    "0",
    # Pictures come with the request; nothing is fetched from anywhere.
    "--allowed-media-domains",
    "none.invalid",
    "--no-enable-log-requests",
    "--disable-access-log-for-endpoints",
    "/health,/metrics",
    "--enable-request-id-headers",
)

_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
}


def flags_of(wishes: Wishes) -> list[str]:
    """The words after `vllm serve`; what stands later wins in vLLM, so the operator's come last."""
    flags = [
        str(wishes.folder),
        "--served-model-name",
        wishes.served_name,
        *_ALWAYS,
        "--max-model-len",
        wishes.context,
        "--tensor-parallel-size",
        str(wishes.tensor_parallel),
        "--shutdown-timeout",
        str(wishes.shutdown_s),
        *wishes.family.flags,
    ]
    if wishes.tensor_parallel > 1:
        flags += wishes.family.shared_flags
    if wishes.gpu_memory:
        flags += ["--gpu-memory-utilization", wishes.gpu_memory]
    if wishes.most_queued:
        flags += ["--max-num-queued-reqs", wishes.most_queued]
    if wishes.can_sleep:
        flags.append("--enable-sleep-mode")
    return [*flags, *wishes.extra]


def environment_of(wishes: Wishes, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the server: the key is here, where no process list shows it."""
    kept = {name: value for name, value in environ.items() if name not in OWN_NAMES}
    kept.pop("VLLM_API_KEY", None)
    kept.setdefault("OMP_NUM_THREADS", "1")
    if wishes.key:
        kept["VLLM_API_KEY"] = wishes.key
    if wishes.can_sleep:
        kept["VLLM_SERVER_DEV_MODE"] = "1"
    return kept | _ENVIRONMENT
