"""What callers meet at the door: TLS, headers, one error body, streams that flow."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.deploy.engine import Engine, Images
from tests.deploy.front import NGINX, Front
from tests.deploy.pictures import RECEIPT, RECEIPT_SAYS, next_picture

BODY_LIMIT = 2 * 1024 * 1024
IDLE_S = 2
STRANGER = "203.0.113.9"
CIPHERS = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
}
SECURITY_HEADERS = (
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "x-request-id",
)
LIMITS = {
    "MAOOCR_LIMITS__MAX_BODY_BYTES": str(BODY_LIMIT),
    "MAOOCR_LIMITS__UPLOAD_IDLE_SECONDS": str(IDLE_S),
}


@pytest.fixture(scope="module")
def front(engine: Engine, images: Images, module_prefix: str, gateway_image: str) -> Front:
    images(NGINX)
    front = Front(engine, module_prefix, gateway_image)
    gateway = front.start_gateway(**LIMITS)
    front.start_nginx(**LIMITS, RATE_PER_ADDRESS="0")
    front.wait_for(gateway)
    return front


@pytest.fixture
def client(front: Front) -> Iterator[httpx.Client]:
    with front.client() as client:
        yield client


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The one error body, held to its shape."""
    assert response.headers["content-type"] == "application/json"
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"code", "message", "retryable", "request_id"}
    assert error["request_id"] == response.headers["x-request-id"]
    assert error["message"].endswith(".")
    return error


def raw(front: Front, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Everything that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", front.https_port), timeout=30) as line:
        if context is None:
            return _exchange(line, data)
        with context.wrap_socket(line, server_hostname="127.0.0.1") as tls:
            return _exchange(tls, data)


def _exchange(line: socket.socket, data: bytes) -> bytes:
    line.sendall(data)
    told = b""
    while part := line.recv(65536):
        told += part
    return told


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SERVER_NAME": "ocr.example.com *.ocr.example.com", "HTTPS_PORT": "443"},
        {"RATE_PER_ADDRESS": "0", "CONNECTIONS_PER_ADDRESS": "0", "HSTS_SECONDS": "0"},
        {"MAOOCR_LIMITS__REQUEST_SECONDS": "0.5", "MAOOCR_JOBS__MAX_BODY_BYTES": "1024"},
    ],
    ids=lambda environment: ",".join(environment) or "as it comes",
)
def test_the_configuration_is_valid(
    engine: Engine, front: Front, environment: dict[str, str]
) -> None:
    arguments = front.nginx_arguments(**environment)
    said = engine.tried("run", "--rm", *arguments, NGINX, "nginx", "-t")
    assert said.returncode == 0, said.stderr
    assert "[warn]" not in said.stderr


def test_a_document_is_read_over_tls(client: httpx.Client) -> None:
    with RECEIPT.open("rb") as file:
        answer = client.post("/api/ocr/recognize", files={"image": ("receipt.jpg", file)})
    assert answer.status_code == 200
    assert RECEIPT_SAYS in answer.json()["text"]


def test_http_leads_to_https(front: Front, client: httpx.Client) -> None:
    answer = httpx.post(f"http://localhost:{front.http_port}/api/ocr/recognize?a=b")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"{front.url}/api/ocr/recognize?a=b"
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(front: Front, version: ssl.TLSVersion) -> None:
    context = weak_context("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = version
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = version
    assert agreed(front, context) is None


def test_only_ciphers_of_current_practice_are_taken(front: Front) -> None:
    known = [each["name"] for each in weak_context("ALL:COMPLEMENTOFALL:@SECLEVEL=0").get_ciphers()]
    assert len(known) > 50
    taken = set()
    for name in known:
        if name.startswith("TLS_"):
            continue
        context = weak_context(f"{name}:@SECLEVEL=0")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if agreed(front, context):
            taken.add(name)
    assert taken == CIPHERS


def test_the_newest_tls_and_http_2_are_spoken(front: Front) -> None:
    context = front.trust()
    context.set_alpn_protocols(["h2", "http/1.1"])
    assert agreed(front, context) == ("TLSv1.3", "h2")


def weak_context(ciphers: str) -> ssl.SSLContext:
    """A caller who would take anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    return context


def agreed(front: Front, context: ssl.SSLContext) -> tuple[str | None, str | None] | None:
    """Version and protocol; None where there is no agreement."""
    with socket.create_connection(("127.0.0.1", front.https_port), timeout=30) as line:
        try:
            with context.wrap_socket(line, server_hostname="127.0.0.1") as tls:
                assert tls.compression() is None
                return tls.version(), tls.selected_alpn_protocol()
        except (ssl.SSLError, ConnectionResetError):
            return None


@pytest.mark.parametrize("path", ["/", "/api/ocr/options", "/nothing/here", "/metrics"])
def test_each_security_header_is_there_once(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    for name in SECURITY_HEADERS:
        assert len(answer.headers.get_list(name)) == 1, name
    assert answer.headers["server"] == "nginx"


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "//metrics",
        "/%6detrics",
        "/static/../metrics",
        "/grafana",
        "/grafana/login",
        "/prometheus/graph",
        "/alertmanager/",
        "/stub_status",
    ],
)
def test_what_is_for_operators_is_not_public(front: Front, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    told = raw(front, request.encode(), front.trust())
    assert told.startswith(b"HTTP/1.1 404 ")
    assert b'"code":"not_found"' in told


@pytest.mark.parametrize(
    ("request_head", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "bad_input"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_input"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "bad_input"),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
            431,
            "bad_input",
        ),
        (b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method_not_allowed"),
    ],
    ids=["no request", "no name", "long address", "long header", "method"],
)
def test_what_is_no_request_gets_the_one_error_body(
    front: Front, request_head: bytes, status: int, code: str
) -> None:
    head, _, body = raw(front, request_head, front.trust()).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/json" in head
    error = json.loads(body)["error"]
    assert error["code"] == code
    assert f"X-Request-ID: {error['request_id']}".encode() in head


def test_http_on_the_port_of_https_is_told_so(front: Front) -> None:
    told = raw(front, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 400 ")
    assert b"This port speaks HTTPS" in told


@pytest.mark.parametrize("excess", [1, 32 * 1024 * 1024], ids=["gateway's limit", "Nginx's limit"])
def test_a_body_that_is_too_large_is_told_the_limit(client: httpx.Client, excess: int) -> None:
    headers = {"Content-Type": "image/png"}
    answer = client.post("/api/ocr/recognize", content=bytes(BODY_LIMIT + excess), headers=headers)
    assert answer.status_code == 413
    error = error_of(answer)
    assert error["code"] == "too_large"
    assert f"{BODY_LIMIT} bytes (MAOOCR_LIMITS__MAX_BODY_BYTES)" in error["message"]


def test_a_body_without_a_length_is_stopped_at_the_limit(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 50 * BODY_LIMIT:
            sent += 65536
            yield bytes(65536)

    answer = client.post(
        "/api/ocr/recognize", content=endless(), headers={"Content-Type": "image/png"}
    )
    assert answer.status_code == 413
    assert error_of(answer)["code"] == "too_large"


def test_an_upload_that_falls_silent_is_told_by_the_gateway(front: Front) -> None:
    head = (
        "POST /api/ocr/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    began = time.monotonic()
    told = raw(front, head.encode() + bytes(50_000), front.trust())
    assert time.monotonic() - began > IDLE_S
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b"MAOOCR_LIMITS__UPLOAD_IDLE_SECONDS" in told


def test_a_slow_upload_is_passed_on_as_it_comes(front: Front, client: httpx.Client) -> None:
    picture = next_picture()
    pieces = [picture.data[at : at + 500] for at in range(0, len(picture.data), 500)]
    pause_s = 2.5 * IDLE_S / len(pieces)

    def slowly() -> Iterator[bytes]:
        for piece in pieces:
            time.sleep(pause_s)
            yield piece

    headers = {"Content-Type": "image/png"}
    began = time.monotonic()
    answer = client.post("/api/ocr/recognize", content=slowly(), headers=headers)
    # Held back here, it would have been silence for the gateway.
    assert time.monotonic() - began > 2 * IDLE_S
    assert answer.status_code == 200, answer.text
    assert picture.is_read_in(answer.json()["text"])


def test_the_caller_s_id_is_kept_where_it_is_harmless(client: httpx.Client) -> None:
    answer = client.get("/api/ocr/options", headers={"X-Request-ID": "mine-1.a_B"})
    assert answer.headers["x-request-id"] == "mine-1.a_B"
    for strange in ("a b", 'a"}', "a" * 65):
        for path in ("/api/ocr/options", "/metrics"):
            answer = client.get(path, headers={"X-Request-ID": strange})
            assert answer.headers["x-request-id"] not in {strange, ""}


def test_the_gateway_sees_the_caller_and_no_address_that_he_writes(
    engine: Engine, front: Front, client: httpx.Client, module_prefix: str
) -> None:
    client.get(
        "/api/ocr/engines",
        headers={"X-Request-ID": "who-am-i", "X-Forwarded-For": STRANGER, "Forwarded": STRANGER},
    )
    said = engine.tried("logs", f"{module_prefix}-gateway-1").stderr.splitlines()
    lines = [json.loads(line) for line in said if "who-am-i" in line]
    here = [line for line in front.log() if line["request_id"] == "who-am-i"]
    assert [line["client"] for line in lines] == [here[0]["client"]]
    assert here[0]["client"] not in {STRANGER, front.address(front.nginx)}


def test_the_log_tells_everything_but_what_was_searched_for(
    engine: Engine, front: Front, client: httpx.Client
) -> None:
    client.get("/api/ocr/history?q=my-secret", headers={"X-Request-ID": "searched"})
    client.get("/metrics?q=my-secret", headers={"X-Request-ID": "refused"})
    lines = {line["request_id"]: line for line in front.log()}
    assert lines["searched"]["path"] == "/api/ocr/history"
    assert lines["searched"]["upstream"].endswith(":8000")
    assert (lines["refused"]["path"], lines["refused"]["status"]) == ("/metrics", 404)
    logs = engine.tried("logs", front.nginx)
    assert "my-secret" not in logs.stdout + logs.stderr


def test_events_of_a_job_come_while_it_runs(client: httpx.Client) -> None:
    # So many that the job still runs when the stream of its events begins.
    files = [("files", (f"{n}.png", next_picture().data, "image/png")) for n in range(60)]
    job = client.post("/api/ocr/jobs", files=files)
    assert job.status_code == 202, job.text
    arrived: dict[str, list[float]] = {}
    with client.stream("GET", f"/api/ocr/jobs/{job.json()['id']}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        for line in events.iter_lines():
            if line.startswith("event: "):
                arrived.setdefault(line.removeprefix("event: "), []).append(time.monotonic())
    assert len(arrived["page"]) == 60
    assert arrived["end"][0] - arrived["job"][0] > 0.05


def test_frames_go_over_a_websocket(front: Front) -> None:
    picture = next_picture()
    url = f"wss://localhost:{front.https_port}/ws/ocr"
    with connect(url, ssl=front.trust()) as line:
        line.send(picture.data)
        answer = json.loads(line.recv(timeout=60))
    assert picture.is_read_in(answer["text"])


def test_nothing_else_can_be_made_of_a_connection(front: Front) -> None:
    head = (
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade\r\n"
        "Upgrade: h2c\r\n\r\n"
    )
    assert raw(front, head.encode(), front.trust()).startswith(b"HTTP/1.1 200 ")


def test_operators_have_a_port_of_their_own(front: Front) -> None:
    code = (
        "import http.server as h\n"
        "class H(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers()\n"
        "        self.wfile.write(self.path.encode())\n"
        "h.HTTPServer(('', 9090), H).serve_forever()"
    )
    front.start_stub(code, "prometheus")
    url = f"https://localhost:{front.operator_port}"
    with httpx.Client(verify=front.trust()) as client:
        ends = time.monotonic() + 30
        while (answer := client.get(f"{url}/prometheus/graph?x=1")).status_code != 200:
            assert time.monotonic() < ends, answer.text
            time.sleep(0.2)
        assert answer.text == "/prometheus/graph?x=1"
        away = client.get(f"{url}/grafana/")
        assert (away.status_code, error_of(away)["code"]) == (502, "unavailable")
        assert client.get(f"{url}/api/ocr/options").status_code == 404
        # It is called localhost, and so is much else on the machine of whoever looks.
        assert "strict-transport-security" not in away.headers


def test_the_exporter_finds_the_figures(front: Front) -> None:
    told = front.inside("busybox", "wget", "-qO-", "http://127.0.0.1:8081/stub_status")
    assert "Active connections" in told
