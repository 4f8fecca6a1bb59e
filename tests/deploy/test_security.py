"""What must not be seen, reached or done from where."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from tests.deploy.engine import ROOT, Engine
from tests.deploy.front import until
from tests.deploy.stack import Stack

INSIDE_ONLY = ("gateway", "redis", "postgres")
OPERATORS = (
    "/metrics",
    "/grafana/",
    "/grafana/api/health",
    "/prometheus/",
    "/prometheus/api/v1/query?query=up",
    "/alertmanager/",
    "/alertmanager/api/v2/status",
    "/stub_status",
    "/nginx_status",
)
SHORTEST_SECRET = 8
ASK = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
try:
    socket.create_connection((host, port), timeout=3)
    print("reached")
except OSError as error:
    print("refused", error)
"""
"""Whether something is in reach, in the words of the container's own Python."""


def inspected(stack: Stack) -> list[dict[str, Any]]:
    """All that Docker tells about the containers, those that have ended too."""
    ids = stack.compose("ps", "-aq").split()
    found: list[dict[str, Any]] = json.loads(stack.engine("inspect", *ids))
    return found


def service_of(container: dict[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def secrets_of(stack: Stack) -> dict[str, str]:
    """The secrets of this stack by the place they stand in, passwords within addresses too."""
    found = {"the first key": stack.key}
    for file in (stack.folder / "secrets").iterdir():
        found[file.name] = file.read_text().strip()
        password = re.search(r":([^:@/]+)@", found[file.name])
        if password:
            found[f"the password in {file.name}"] = password[1]
    return {name: secret for name, secret in found.items() if len(secret) >= SHORTEST_SECRET}


# Reach


def test_nginx_alone_publishes_ports(stack: Stack) -> None:
    published = {
        (service_of(container), binding["HostIp"], binding["HostPort"])
        for container in inspected(stack)
        for bindings in (container["HostConfig"]["PortBindings"] or {}).values()
        for binding in bindings
    }

    assert published == {
        ("nginx", "127.0.0.1", str(stack.http_port)),
        ("nginx", "127.0.0.1", str(stack.https_port)),
        ("nginx", "127.0.0.1", str(stack.operator_port)),
    }


@pytest.fixture
def far_away(engine: Engine) -> Iterator[tuple[str, int]]:
    """A server that every container with a way out reaches: on an address of this machine."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        listener.listen()

        def take() -> None:
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        bridge = engine("network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}")
        yield bridge.strip(), listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_the_gateway_has_no_way_out(stack: Stack, far_away: tuple[str, int]) -> None:
    host, port = far_away
    image = inspected_image(stack, "gateway")
    open_to_all = ("run", "--rm", "--network", "bridge", "--entrypoint", "python", image)
    reached = stack.engine(*open_to_all, "-c", ASK, host, str(port))
    assert reached.startswith("reached"), "or the question below means nothing"

    for container in stack.containers("gateway"):
        said = stack.inside(container, "python", "-c", ASK, host, str(port)).stdout
        assert said.startswith("refused"), said


@pytest.mark.parametrize("service", INSIDE_ONLY)
def test_there_is_no_route_out_of(stack: Stack, service: str) -> None:
    (container, *_) = stack.containers(service)
    routes = stack.inside(container, "cat", "/proc/net/route").stdout.splitlines()[1:]
    assert routes
    assert [line for line in routes if line.split()[1] == "00000000"] == []


@pytest.fixture
def in_vllms_place(stack: Stack) -> Iterator[list[str]]:
    """The addresses of somebody who listens where vLLM would, under a name that nobody knows."""
    name = f"{stack.project}_in-vllms-place"
    networks = [f"{stack.project}_{name}" for name in vllms_networks()]
    server = ("python", "-m", "http.server", "8000")
    try:
        stack.engine(
            *("run", "--detach", "--name", name, "--network", networks[0], "--read-only"),
            *("--workdir", "/tmp", "--no-healthcheck", inspected_image(stack, "gateway"), *server),
        )
        for network in networks[1:]:
            stack.engine("network", "connect", network, name)
        yield [stack.engine.address(name, network) for network in networks]
    finally:
        stack.engine.tried("rm", "--force", "--volumes", name)


def vllms_networks() -> list[str]:
    file = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return list(file["services"]["vllm"]["networks"])


def test_gateways_and_prometheus_alone_reach_vllm(stack: Stack, in_vllms_place: list[str]) -> None:
    """Seen from the network of each container, for some of them have nothing to ask with."""
    image = inspected_image(stack, "gateway")
    asking = ("--entrypoint", "python", image, "-c", ASK)

    def reaches(container: str, address: str) -> bool:
        networks = ("run", "--rm", "--network", f"container:{container}")
        return stack.engine(*networks, *asking, address, "8000").startswith("reached")

    (gateway, *_) = stack.containers("gateway")
    until(lambda: reaches(gateway.id, in_vllms_place[0]))
    reached_by = {
        container.service
        for container in stack.containers()
        if any(reaches(container.id, address) for address in in_vllms_place)
    }
    assert reached_by == {"gateway", "prometheus"}


def inspected_image(stack: Stack, service: str) -> str:
    (container, *_) = stack.containers(service)
    return stack.engine("inspect", "-f", "{{.Image}}", container.id).strip()


# Secrets


def test_no_secret_is_seen_in_docker_inspect(stack: Stack) -> None:
    told = json.dumps(inspected(stack))
    assert [name for name, secret in secrets_of(stack).items() if secret in told] == []


def test_no_secret_is_seen_in_a_log(stack: Stack) -> None:
    told = stack.compose("logs", "--no-color")
    assert "gateway" in told
    assert [name for name, secret in secrets_of(stack).items() if secret in told] == []


def test_no_secret_is_in_an_image(stack: Stack) -> None:
    for service in {service_of(container) for container in inspected(stack)}:
        image = next(c["Image"] for c in inspected(stack) if service_of(c) == service)
        told = stack.engine("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
        told += stack.engine("inspect", image)
        assert [name for name, secret in secrets_of(stack).items() if secret in told] == []


def test_no_secret_is_seen_in_a_process(stack: Stack) -> None:
    for container in stack.containers():
        told = stack.engine("top", container.id, "-eo", "pid,args")
        assert [name for name, secret in secrets_of(stack).items() if secret in told] == []


def test_secrets_are_made_anew_and_are_long(stack: Stack) -> None:
    found = secrets_of(stack)
    assert {"postgres_password", "redis_password", "vllm_api_key"} <= set(found)
    assert all(len(secret) >= 24 for secret in found.values())
    assert (stack.folder / "secrets").stat().st_mode & 0o077 == 0


# Errors


def as_type(content: bytes, kind: str) -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": kind}}


ERRORS = [
    ("GET", "/nothing-here", {}, 404),
    ("GET", "/api/ocr/recognize", {}, 405),
    ("POST", "/api/ocr/recognize", {}, 415),
    (
        "POST",
        "/api/ocr/recognize",
        as_type(b"no image", "image/png"),
        0,
    ),
    ("POST", "/api/ocr/recognize", {"json": {"image_path": "/etc/passwd"}}, 403),
    ("POST", "/api/ocr/recognize", {"json": {"image_url": "http://redis:6379/"}}, 403),
    (
        "POST",
        "/api/ocr/recognize",
        as_type(b"{", "application/json"),
        0,
    ),
    ("GET", "/api/ocr/history/01J00000000000000000000000", {}, 404),
    ("GET", "/%2e%2e/%2e%2e/etc/passwd", {}, 0),
    ("GET", "/" + "a" * 20_000, {}, 0),
    ("GET", "/livez", {"headers": {"X-Long": "a" * 40_000}}, 0),
    *(("GET", path, {}, 404) for path in OPERATORS),
]


def assert_one_error_body(response: httpx.Response) -> None:
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "retryable", "request_id"}, body
    assert body["error"]["message"].endswith("."), body
    assert body["error"]["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("method", "path", "request_", "status"), ERRORS, ids=lambda value: str(value)[:40]
)
def test_every_error_has_the_one_body(
    stack: Stack, method: str, path: str, request_: dict[str, Any], status: int
) -> None:
    with stack.client() as client:
        response = client.request(method, path, **request_)
    assert 400 <= response.status_code < 500
    assert status in (0, response.status_code)
    assert_one_error_body(response)


def test_nobody_is_let_in_without_a_key(stack: Stack) -> None:
    with stack.client() as client:
        del client.headers["Authorization"]
        for path in ("/api/ocr/history", "/api/ocr/jobs", "/api/ocr/engines", "/api/keys"):
            response = client.get(path)
            assert response.status_code == 401, path
            assert_one_error_body(response)


# Rights


def test_containers_have_no_right_that_they_do_not_need(stack: Stack) -> None:
    wrong = []
    for container in inspected(stack):
        host, name = container["HostConfig"], service_of(container)
        rules = {
            "drops all capabilities": "ALL" in (host["CapDrop"] or []),
            "takes no new privileges": any(
                option.startswith("no-new-privileges") for option in host["SecurityOpt"] or []
            ),
            "has a root that it cannot write": host["ReadonlyRootfs"],
            "has a limit of memory": host["Memory"] > 0,
            "has a limit of processes": (host["PidsLimit"] or 0) > 0,
            "rotates its log": "max-size" in (host["LogConfig"]["Config"] or {}),
            "is not privileged": not host["Privileged"],
            "does not see Docker": "docker.sock" not in json.dumps(container["Mounts"]),
        }
        wrong += [f"{name}: not so: it {rule}" for rule, holds in rules.items() if not holds]
    assert wrong == []


def test_what_runs_for_good_is_started_again(stack: Stack) -> None:
    running = {container.service for container in stack.containers()}
    policies = {service_of(c): c["HostConfig"]["RestartPolicy"]["Name"] for c in inspected(stack)}
    assert {policies[service] for service in running} <= {"unless-stopped", "always"}
