"""Gateways come, go and die behind Nginx, and callers notice as little as can be."""

import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.deploy.engine import Engine, Images
from tests.deploy.front import NGINX, Front, until
from tests.deploy.pictures import next_picture

PICKED_UP_S = 5.0
SWALLOWS = """
import socket
listener = socket.create_server(("", 8000), family=socket.AF_INET)
while True:
    line, _ = listener.accept()
    print(line.recv(65536).split(b" ")[0].decode(), flush=True)
    line.close()
"""
"""A gateway that dies whenever it has got a request."""
ANSWERS = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()
    def answer(self):
        print(self.command, self.path, flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
"""A gateway that is well."""


@dataclass
class Callers:
    """They read documents and look at things without a pause, and note all that failed."""

    front: Front
    readers: int = 3
    lookers: int = 2
    read: int = 0
    looked: int = 0
    failed_reads: list[httpx.Response | httpx.TransportError] = field(default_factory=list)
    failed_looks: list[httpx.Response | httpx.TransportError] = field(default_factory=list)

    def __enter__(self) -> "Callers":
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(self.readers)]
        self._threads += [threading.Thread(target=self._look) for _ in range(self.lookers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, reads: int = 5) -> None:
        """Until so many more documents were read."""
        wanted = self.read + reads
        until(lambda: self.read >= wanted)

    def _client(self) -> httpx.Client:
        client = self.front.client()
        if not self.front.keeps_connections:
            client.headers["Connection"] = "close"
        return client

    def _read(self) -> None:
        with self._client() as client:
            while not self._ended.is_set():
                picture = next_picture()
                try:
                    answer = client.post(
                        "/api/ocr/recognize",
                        content=picture.data,
                        headers={"Content-Type": "image/png"},
                    )
                except httpx.TransportError as error:
                    self.failed_reads.append(error)
                    continue
                if answer.status_code == 200 and picture.is_read_in(answer.json()["text"]):
                    self.read += 1
                else:
                    self.failed_reads.append(answer)

    def _look(self) -> None:
        with self._client() as client:
            while not self._ended.wait(0.01):
                try:
                    answer = client.get("/api/ocr/engines")
                except httpx.TransportError as error:
                    self.failed_looks.append(error)
                    continue
                if answer.status_code == 200:
                    self.looked += 1
                else:
                    self.failed_looks.append(answer)


@pytest.fixture
def front(engine: Engine, images: Images, prefix: str, gateway_image: str) -> Front:
    images(NGINX)
    return Front(engine, prefix, gateway_image)


@pytest.fixture
def unlimited(front: Front) -> Front:
    front.start_nginx(RATE_PER_ADDRESS="0", CONNECTIONS_PER_ADDRESS="0")
    return front


def kill(engine: Engine, container: str) -> None:
    """`kill -9` of what the container lives by."""
    os.kill(int(engine("inspect", "-f", "{{.State.Pid}}", container)), signal.SIGKILL)


def test_replicas_are_taken_up_and_dropped_under_load(engine: Engine, unlimited: Front) -> None:
    first = unlimited.start_gateway()
    unlimited.wait_for(first)
    with Callers(unlimited) as callers:
        callers.wait_for_more()
        more = [unlimited.start_gateway(), unlimited.start_gateway()]
        unlimited.wait_for(first, *more)
        callers.wait_for_more()
        by_upstream = {line["upstream"] for line in unlimited.log()[-50:]}
        for container in more:
            unlimited.inside("gateways", "drain", unlimited.address(container))
            engine("stop", "-t", "60", container)
        assert until(lambda: len(unlimited.used()) == 1, PICKED_UP_S) < PICKED_UP_S
        callers.wait_for_more()
    assert (callers.failed_reads, callers.failed_looks) == ([], [])
    assert len(by_upstream) == 3


def test_a_replica_gets_requests_within_seconds_of_being_ready(
    engine: Engine, unlimited: Front
) -> None:
    first = unlimited.start_gateway()
    unlimited.wait_for(first)
    second = unlimited.start_gateway()
    probe = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz')"
    until(lambda: engine.tried("exec", second, "python", "-c", probe).returncode == 0)
    assert unlimited.wait_for(first, second) < PICKED_UP_S


def test_only_what_was_in_flight_is_lost_with_a_killed_gateway(
    engine: Engine, unlimited: Front
) -> None:
    gateways = [unlimited.start_gateway() for _ in range(2)]
    unlimited.wait_for(*gateways)
    with Callers(unlimited, readers=4) as callers:
        callers.wait_for_more()
        kill(engine, gateways[0])
        unlimited.wait_for(gateways[1], limit_s=PICKED_UP_S)
        callers.wait_for_more()
    lost = [str(line) for line in unlimited.log() if line["status"] in (502, 504)]
    assert callers.failed_looks == [], "\n".join(lost)
    assert len(callers.failed_reads) <= callers.readers
    for failed in callers.failed_reads:
        assert isinstance(failed, httpx.Response)
        assert failed.status_code == 502
        error = failed.json()["error"]
        assert (error["code"], error["retryable"]) == ("unavailable", True)
        assert failed.headers["retry-after"] == "1"


def test_a_reload_drops_nothing(unlimited: Front) -> None:
    unlimited.wait_for(unlimited.start_gateway())
    with Callers(unlimited, readers=2, lookers=3) as callers:
        for _ in range(8):
            callers.wait_for_more(2)
            unlimited.inside("nginx", "-s", "reload")
    assert (callers.failed_reads, callers.failed_looks) == ([], [])
    assert callers.looked > 50


@pytest.fixture
def by_hand(unlimited: Front) -> Iterator[Front]:
    """Nobody looks for gateways any more; the test says where requests go."""
    watchers = unlimited.processes("gateways")
    unlimited.inside("busybox", "kill", "-STOP", *watchers)
    yield unlimited
    unlimited.inside("busybox", "kill", "-KILL", *watchers)


def send_to(front: Front, *containers: str) -> None:
    """Requests go to these, and none of them is ever given up."""
    block = "upstream gateway { zone gateway 256k; "
    for container in containers:
        block += f"server {front.address(container)}:8000 max_fails=0; "
    block += "keepalive 8; } map $host $gateways { default by-hand; }"
    front.inside("sh", "-c", f"echo '{block}' >/etc/nginx/conf.d/gateways.conf")
    before = front.processes("nginx: worker")
    front.inside("nginx", "-s", "reload")
    until(lambda: not before & front.processes("nginx: worker"))


def heard(engine: Engine, stub: str, method: str) -> int:
    """How many requests it got."""
    said = engine("logs", stub).splitlines()
    return sum(line.split(" ")[0] == method for line in said)


def test_a_post_of_which_nothing_was_sent_goes_to_the_next(engine: Engine, by_hand: Front) -> None:
    refuses = by_hand.start_stub("import time; time.sleep(600)", "refuses")
    well = by_hand.start_stub(ANSWERS, "well")
    knock = ("busybox", "wget", "-qO-", f"http://{by_hand.address(well)}:8000/")
    until(lambda: by_hand.inside(*knock, is_tried=True).startswith("0"))
    send_to(by_hand, refuses, well)
    with by_hand.client() as client:
        answers = [client.post("/api/ocr/recognize", content=bytes(100_000)) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [200] * 10
    assert heard(engine, well, "POST") == 10
    tried = [line["upstream"].count(",") for line in by_hand.log() if line["method"] == "POST"]
    assert sum(tried) >= 4, "the one that refuses was not asked"


def test_a_post_that_was_begun_is_never_sent_again_but_a_get_is(
    engine: Engine, by_hand: Front
) -> None:
    stubs = [by_hand.start_stub(SWALLOWS, "swallows") for _ in range(2)]
    send_to(by_hand, *stubs)
    with by_hand.client() as client:
        told = client.post("/api/ocr/recognize", content=b"x" * 1000)
        assert (told.status_code, told.json()["error"]["retryable"]) == (502, True)
        assert sum(heard(engine, stub, "POST") for stub in stubs) == 1
        assert client.get("/api/ocr/engines").status_code == 502
        assert [heard(engine, stub, "GET") for stub in stubs] == [1, 1]


def test_an_address_that_asks_too_often_is_told_when_to_come_again(front: Front) -> None:
    front.start_nginx(RATE_PER_ADDRESS="2", BURST_PER_ADDRESS="4")
    front.wait_for(front.start_gateway())
    time.sleep(3)
    with front.client() as client:
        answers = [client.get("/api/ocr/options") for _ in range(20)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(answers) - len(refused) in range(5, 12)
        error = refused[0].json()["error"]
        assert (error["code"], error["retryable"]) == ("rate_limited", True)
        assert "RATE_PER_ADDRESS" in error["message"]
        assert refused[0].headers["retry-after"] == "1"
        assert {client.get("/readyz").status_code for _ in range(20)} == {200}


def test_a_new_certificate_is_taken_up(front: Front) -> None:
    front.start_nginx()
    door = ("127.0.0.1", front.https_port)
    before = ssl.get_server_certificate(door)
    front.certify(SERVER_NAME="ocr.example.com")
    until(lambda: ssl.get_server_certificate(door) != before, 60.0)


def test_strangers_names_get_no_answer(front: Front) -> None:
    front.start_nginx(SERVER_NAME="ocr.example.com")
    front.wait_for(front.start_gateway())
    ours, strange = "ocr.example.com", "evil.test"
    assert asked(front, front.https_port, ours, ours).startswith(b"HTTP/1.1 200 ")
    assert asked(front, front.https_port, ours, strange) == b""
    assert asked(front, front.http_port, None, ours).startswith(b"HTTP/1.1 308 ")
    assert asked(front, front.http_port, None, strange) == b""
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        asked(front, front.https_port, strange, ours)


def asked(front: Front, port: int, sni: str | None, host: str) -> bytes:
    """What comes back to whoever calls it so; without a name for TLS, in the clear."""
    request = f"GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    context = front.trust()
    context.check_hostname = False
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        if sni is None:
            line.sendall(request)
            return line.recv(65536)
        with context.wrap_socket(line, server_hostname=sni) as tls:
            tls.sendall(request)
            return tls.recv(65536)
