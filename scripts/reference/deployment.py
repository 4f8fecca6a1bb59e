"""The variables of a deployment with Docker: for `.env.example` and `docs/configuration.md`.

What each means stands here; its default is read from the files of Compose, which alone decide it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GROUPS", "Variable", "configuration_part", "env_part", "found_defaults", "variables"]

ROOT = Path(__file__).parents[2]
TITLE = "A deployment with Docker"

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Where it is reached": {
        "PUBLIC_ADDRESS": "Address of this machine on which the public comes in.",
        "HTTP_PORT": "Port of HTTP, which only leads to HTTPS.",
        "HTTPS_PORT": "Port of HTTPS.",
        "SERVER_NAME": "Names of the service, with blanks between; empty takes every name.",
        "CERTIFICATES": "Folder with your own `tls.crt` and `tls.key`; the default is a volume"
        " with a self-signed certificate.",
        "CERTIFICATE_ADDRESSES": "Addresses for the self-signed certificate.",
        "HSTS_SECONDS": "Seconds for which browsers insist on HTTPS; 0 for none.",
        "RATE_PER_ADDRESS": "Requests that one address may make in a second; 0 for no limit.",
        "BURST_PER_ADDRESS": "Requests that one address may make at once.",
        "CONNECTIONS_PER_ADDRESS": "Requests of one address at the same time; 0 for no limit.",
        "OPERATOR_ADDRESS": "Address on which Grafana, Prometheus and Alertmanager are.",
        "OPERATOR_PORT": "Port on which they are.",
        "OPERATOR_NAME": "Name by which operators call that port.",
    },
    "What runs": {
        "COMPOSE_PROJECT_NAME": "Name of the deployment; containers, networks and volumes begin"
        " with it.",
        "COMPOSE_PROFILES": "Profiles beside those that ./docker-start.sh finds, with commas"
        " between: `gpu`, or `vlm` for vLLM without a GPU.",
        "PROCESSOR": "`gpu` or `cpu`; empty takes what Docker can use.",
        "GATEWAY_REPLICAS": "Gateways that share the load.",
        "GATEWAY_OUTBOUND": "`true` lets the gateways reach other machines; so does"
        " `MAOOCR_OUTBOUND__IMAGE_URL`.",
        "GATEWAY_STOP_GRACE": "Time that a gateway has for its end; ./docker-start.sh takes"
        " `MAOOCR_SERVER__GRACE_S` and 30 seconds.",
        "START_SECONDS": "Seconds after which a start gives up.",
        "MAOOCR_SECRETS_DIR": "Folder of the secrets, each a file.",
        "LOG_MAX_SIZE": "Size of a container's log after which a new file begins.",
        "LOG_MAX_FILES": "Files of a container's log that are kept.",
        "NOFILE_LIMIT": "Files that a gateway, Nginx or vLLM may have open.",
    },
    "Models": {
        "MODELS": "Models that are brought into the volume at the start, with blanks between, as"
        " `maoocr models list` has them; with vLLM its model, unless others are named.",
        "HTTPS_PROXY": "Proxy to the model hub.",
        "VLLM_MODEL": "Model of vLLM: a name of `configs/models.yaml`, or a folder below"
        " `/models`.",
        "VLLM_SERVED_NAME": "Name under which it is served; empty is `VLLM_MODEL`.",
        "VLLM_FAMILY": "Family of the model; `auto` tells it from the name.",
        "VLLM_GPUS": "GPUs for vLLM: a number, or `all`.",
        "TENSOR_PARALLEL_SIZE": "GPUs over which one model is spread.",
        "GPU_MEMORY_UTILIZATION": "Share of the GPU's memory; empty is vLLM's own.",
        "VLLM_CPU_KVCACHE_SPACE": "Without a GPU: GiB of memory for the tokens of requests.",
        "VLLM_CPU_OMP_THREADS_BIND": "Without a GPU: the cores for it, such as `0-15`; `nobind`"
        " takes those that are free, `auto` all of them for good.",
        "VLLM_MAX_MODEL_LEN": "Tokens of the longest request; empty is what the family needs.",
        "VLLM_SLEEP_MODE": "Whether weights may be put into the memory of the machine.",
        "VLLM_MAX_QUEUED": "Requests that may wait; more get 503. Empty is any number.",
        "VLLM_SHUTDOWN_SECONDS": "Seconds for which requests go on when vLLM stops.",
        "VLLM_EXTRA_ARGS": "Further arguments of `vllm serve`.",
    },
    "Alerts": {
        "ALERT_MAIL_TO": "Addresses that get alerts by mail, with commas between.",
        "ALERT_MAIL_FROM": "Sender of these mails.",
        "ALERT_MAIL_SERVER": "Mail server, with its port.",
        "ALERT_MAIL_TLS": "Whether it has to encrypt.",
        "ALERT_MAIL_USER": "Account at the mail server; its password is the secret"
        " `alert_mail_password`.",
        "PROMETHEUS_RETENTION": "Time for which measurements are kept.",
        "PROMETHEUS_RETENTION_SIZE": "Size at which the oldest go.",
    },
    "What each may take": {
        "GATEWAY_MEMORY": "Memory of a gateway with all its lanes.",
        "GATEWAY_MEMORY_RESERVED": "Memory that a gateway keeps when the machine is short of it.",
        "GATEWAY_CPUS": "Cores of a gateway, and so its lanes; 0 for all.",
        "GATEWAY_PIDS": "Processes and threads of a gateway.",
        "VLLM_MEMORY": "Memory of vLLM on the machine, not on its GPU; where it may sleep or has no"
        " GPU, with room for the weights.",
        "VLLM_SHM_SIZE": "Memory that vLLM's processes share.",
        "VLLM_PIDS": "Processes and threads of vLLM.",
        "POSTGRES_MEMORY": "Memory of Postgres.",
        "POSTGRES_CPUS": "Cores of Postgres; 0 for all.",
        "POSTGRES_SHARED_BUFFERS": "Memory that Postgres keeps pages of tables in.",
        "POSTGRES_SHM_SIZE": "Memory that its processes share.",
        "POSTGRES_MAX_CONNECTIONS": "Connections to Postgres; a gateway takes up to 20.",
        "REDIS_MEMORY": "Memory of Redis.",
        "REDIS_MAXMEMORY": "Of that, memory for what it holds.",
        "REDIS_CPUS": "Cores of Redis; 0 for all.",
        "NGINX_MEMORY": "Memory of Nginx.",
        "NGINX_CPUS": "Cores of Nginx; 0 for all.",
        "PROMETHEUS_MEMORY": "Memory of Prometheus.",
        "PROMETHEUS_CPUS": "Cores of Prometheus; 0 for all.",
        "ALERTMANAGER_MEMORY": "Memory of Alertmanager.",
        "GRAFANA_MEMORY": "Memory of Grafana.",
        "GRAFANA_CPUS": "Cores of Grafana; 0 for all.",
        "EXPORTER_MEMORY": "Memory of each exporter.",
        "DCGM_MEMORY": "Memory of the exporter for GPUs.",
        "ONCE_MEMORY": "Memory of what runs once at a start.",
    },
    "Images": {
        "MAOOCR_VERSION": "Tag of our own images; any but `latest` is taken as it is.",
        "MAOOCR_REVISION": "State of the checkout, for a label; ./docker-start.sh asks git.",
        "GATEWAY_IMAGE": "Image of the gateway.",
        "GATEWAY_TARGET": "What is built of `Dockerfile`: `gateway`, `gateway-paddle`,"
        " `gateway-cuda`.",
        "PYTHON_IMAGE": "What the gateway's image stands on.",
        "VLLM_IMAGE": "Image of vLLM with our entrypoint.",
        "VLLM_BASE": "What it stands on.",
        "VLLM_CPU_BASE": "What it stands on without a GPU.",
        "NGINX_IMAGE": "Image of Nginx.",
        "POSTGRES_IMAGE": "Image of Postgres.",
        "REDIS_IMAGE": "Image of Redis.",
        "PROMETHEUS_IMAGE": "Image of Prometheus.",
        "ALERTMANAGER_IMAGE": "Image of Alertmanager.",
        "GRAFANA_IMAGE": "Image of Grafana.",
        "REDIS_EXPORTER_IMAGE": "Image of the exporter for Redis.",
        "POSTGRES_EXPORTER_IMAGE": "Image of the exporter for Postgres.",
        "NGINX_EXPORTER_IMAGE": "Image of the exporter for Nginx.",
        "BLACKBOX_EXPORTER_IMAGE": "Image of the exporter that looks at Nginx as callers do.",
        "NODE_EXPORTER_IMAGE": "Image of the exporter for the machine.",
        "DCGM_EXPORTER_IMAGE": "Image of the exporter for GPUs.",
    },
}
"""What each variable is, by name, in the order in which they are told."""

# `${NAME:-default}` in the files of Compose, a default possibly with one more inside; and
# `setting NAME default` in the scripts, for what only they know.
IN_COMPOSE = re.compile(r"\$\{([A-Z_]+):-((?:[^{}$]|\$\{[^{}]*\})*)\}")
IN_SCRIPT = re.compile(r"\$\(setting ([A-Z_]+)(?: ([\w./-]+))?\)")
SCRIPTS = ("scripts/docker.bash", "docker-start.sh")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, with its default as Compose takes it."""

    name: str
    group: str
    default: str
    description: str


def found_defaults() -> dict[str, set[str]]:
    """Each variable with all the defaults that the files give it; one each, if all is well."""
    found: dict[str, set[str]] = {}
    for path in sorted(ROOT.glob("docker-compose*.yml")):
        if path.name != "docker-compose.override.yml":
            _collect(path.read_text(encoding="utf-8"), found)
    for script in SCRIPTS:
        for name, default in IN_SCRIPT.findall((ROOT / script).read_text(encoding="utf-8")):
            if name not in found:
                found.setdefault(name, set()).add(default)
    return found


def _collect(text: str, found: dict[str, set[str]]) -> None:
    for name, default in IN_COMPOSE.findall(text):
        found.setdefault(name, set()).add(_settled(default))
        _collect(default, found)


def _settled(default: str) -> str:
    """A default with what stands in place of the variables in it."""
    while (settled := IN_COMPOSE.sub(lambda match: match[2], default)) != default:
        default = settled
    return default


def variables() -> Iterator[Variable]:
    """All of them, in the order of `GROUPS`."""
    defaults = found_defaults()
    for group, names in GROUPS.items():
        for name, description in names.items():
            yield Variable(name, group, min(defaults.get(name, {""})), description)


def env_part() -> list[str]:
    """Lines for `.env.example`, commented out."""
    lines = []
    group = ""
    for variable in variables():
        if variable.group != group:
            group = variable.group
            lines += ["", "", f"# --- {TITLE}: {group[0].lower()}{group[1:]}"]
        default = f'"{variable.default}"' if " " in variable.default else variable.default
        lines += ["", f"# {variable.description}", f"#{variable.name}={default}"]
    return lines


def configuration_part() -> list[str]:
    """Lines for `docs/configuration.md`."""
    lines = [
        f"\n## {TITLE}\n",
        "Variables of Compose and of `./docker-start.sh`, in `.env` as well; [docker.md](docker.md)"
        " tells how they go together.",
    ]
    group = ""
    for variable in variables():
        if variable.group != group:
            group = variable.group
            lines += [f"\n### {group}\n", "| Variable | Default | |", "| --- | --- | --- |"]
        default = f"`{variable.default}`" if variable.default else "empty"
        lines += [f"| `{variable.name}` | {default} | {variable.description} |"]
    return lines
