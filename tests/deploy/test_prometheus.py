"""Prometheus and Alertmanager: their files by their own tools, the live stack as they see it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.deploy.engine import ROOT, Engine, Images
from tests.deploy.stack import METRICS, Stack
from tests.house.foreign_metrics import FOREIGN_METRICS

PROMETHEUS = ROOT / "prometheus"
FILES = ("--volume", f"{PROMETHEUS}:/etc/prometheus:ro", "--workdir", "/etc/prometheus")
MAIL = {
    "ALERT_MAIL_TO": "night@example.com,day@example.com",
    "ALERT_MAIL_SERVER": "mail.example.com:587",
}
POLL_S = 0.5
LONG_S = 120.0

Tool = Callable[..., str]


@pytest.fixture(scope="session")
def promtool(engine: Engine, images: Images) -> Tool:
    """`promtool("check", …)` in the folder of the configuration."""
    image = images.of("prometheus")
    run = ("run", "--rm", "--interactive", "--network", "none", *FILES, "--entrypoint", "promtool")
    return partial(engine, *run, image)


def test_the_configuration_and_the_rules_are_whole(promtool: Tool) -> None:
    said = promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")
    assert said.count("rules found") == len(list((PROMETHEUS / "rules").glob("*.yml")))


@pytest.mark.parametrize("name", sorted(path.name for path in (PROMETHEUS / "tests").glob("*.yml")))
def test_alerts_fire_when_they_should_and_only_then(promtool: Tool, name: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", f"tests/{name}", timeout_s=600)


class Alertmanager:
    """`prometheus/alertmanager.sh` in its image."""

    def __init__(self, engine: Engine, image: str, secrets: Path) -> None:
        self._engine = engine
        self._image = image
        self._mounts = (
            "--volume",
            f"{PROMETHEUS}:/etc/alertmanager:ro",
            "--volume",
            f"{secrets}:/s",
        )

    def run(self, entrypoint: str, *arguments: str, **environment: str) -> tuple[int, str]:
        """The exit status, and all that was said."""
        named = [part for pair in environment.items() for part in ("--env", "=".join(pair))]
        done = self._engine.tried(
            *("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", *self._mounts),
            *(*named, "--entrypoint", entrypoint, self._image, *arguments),
        )
        return done.returncode, done.stdout + done.stderr

    def config(self, **environment: str) -> dict[str, Any]:
        """What it would run on, found whole by `amtool`."""
        script = (
            "/etc/alertmanager/alertmanager.sh --print-config >/tmp/a && amtool check-config /tmp/a"
        )
        status, said = self.run("sh", "-c", f"{script} >&2 && cat /tmp/a", **environment)
        assert status == 0, said
        loaded: dict[str, Any] = yaml.safe_load(said.partition("Checking '")[0])
        return loaded


@pytest.fixture
def alertmanager(engine: Engine, images: Images, tmp_path: Path) -> Alertmanager:
    tmp_path.chmod(0o755)
    (tmp_path / "url").write_text("https://chat.example.com/hook\n")
    (tmp_path / "nothing").write_text("")
    (tmp_path / "password").write_text('a "quoted" \\ one')
    return Alertmanager(engine, images.of("alertmanager"), tmp_path)


@pytest.mark.parametrize("environment", [{}, {"ALERT_WEBHOOK_URL_FILE": "/s/nothing"}])
def test_nobody_is_told_where_nothing_is_set(
    alertmanager: Alertmanager, environment: dict[str, str]
) -> None:
    assert alertmanager.config(**environment)["receivers"][-1] == {"name": "operators"}


def test_a_webhook_is_told_by_the_address_in_a_file(alertmanager: Alertmanager) -> None:
    (receiver,) = alertmanager.config(ALERT_WEBHOOK_URL_FILE="/s/url")["receivers"][1:]
    assert receiver["webhook_configs"][0]["url_file"] == "/s/url"
    assert "email_configs" not in receiver


def test_mail_goes_out_with_a_password_that_stands_in_a_file(alertmanager: Alertmanager) -> None:
    login = {"ALERT_MAIL_USER": 'o"n&e|', "ALERT_MAIL_PASSWORD_FILE": "/s/password"}
    (receiver,) = alertmanager.config(**MAIL, **login, ALERT_MAIL_TLS="false")["receivers"][1:]
    mail = receiver["email_configs"][0]
    assert (mail["to"], mail["smarthost"]) == tuple(MAIL.values())
    assert (mail["auth_username"], mail["require_tls"]) == ('o"n&e|', False)
    assert mail["auth_password_file"] == "/s/password"


def test_mail_without_a_server_is_a_sentence(alertmanager: Alertmanager) -> None:
    status, said = alertmanager.run(
        "sh", "/etc/alertmanager/alertmanager.sh", ALERT_MAIL_TO="night@example.com"
    )
    assert status == 1
    assert "no ALERT_MAIL_SERVER" in said


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("subject", ["CRITICAL: MaoOCR: GatewayDown"]),
        ("text", ["No gateway answers.", "docs/runbooks/GatewayDown.md", "https://asked.example"]),
        ("html", ["<b>No gateway answers.</b>", "#c62828", "docs/runbooks/GatewayDown.md"]),
    ],
)
def test_mail_says_what_is_and_what_to_do(
    alertmanager: Alertmanager, tmp_path: Path, part: str, words: list[str]
) -> None:
    labels = {"alertname": "GatewayDown", "severity": "critical"}
    runbook = "docs/runbooks/GatewayDown.md"
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "No gateway answers.", "runbook_url": runbook},
        "startsAt": "2026-02-01T02:03:04Z",
        "generatorURL": "https://asked.example",
    }
    shared = {"groupLabels": {"alertname": "GatewayDown"}, "commonLabels": labels}
    data = {"status": "firing", "alerts": [alert], "externalURL": "https://all.example", **shared}
    (tmp_path / "data.json").write_text(json.dumps(data))
    status, said = alertmanager.run(
        *("amtool", "template", "render", "--template.data=/s/data.json"),
        "--template.glob=/etc/alertmanager/templates/*.tmpl",
        f'--template.text={{{{ template "maoocr.{part}" . }}}}',
    )
    assert status == 0, said
    assert [word for word in words if word not in said] == []


# The live stack


class Operator:
    """Who asks Prometheus and Alertmanager through the port for operators."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str, **asked: str) -> Any:
        """The JSON that it answers."""
        answer = self._client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def values(self, query: str) -> list[float]:
        """What Prometheus finds."""
        found = self.get("/prometheus/api/v1/query", query=query)["data"]["result"]
        return [float(each["value"][1]) for each in found]


@pytest.fixture(scope="module")
def operator(stack: Stack) -> Iterator[Operator]:
    base = f"https://localhost:{stack.operator_port}"
    with httpx.Client(base_url=base, verify=stack.trust(), timeout=30) as client:
        yield Operator(client)


def test_all_targets_answer_and_each_gateway_is_one(stack: Stack, operator: Operator) -> None:
    jobs = {
        *("gateway", "redis", "postgres", "nginx", "outside", "node"),
        *("prometheus", "alertmanager"),
    }
    gateways = float(len(stack.containers("gateway")))
    _until(lambda: operator.values('count(up{job="gateway"})') == [gateways], "each gateway")
    _until(lambda: operator.values("min(up)") == [1.0], "all targets up")
    up = operator.get("/prometheus/api/v1/query", query="count by (job) (up)")["data"]["result"]
    assert {each["metric"]["job"] for each in up} == jobs


def test_what_rules_ask_of_others_is_measured(operator: Operator) -> None:
    def missing() -> list[str]:
        names = [n for job, of in FOREIGN_METRICS.items() if job != "dcgm" for n in of]
        return [name for name in names if not operator.values(f"count({name})")]

    _until(lambda: missing() == [], "measured")


def test_every_rule_was_evaluated_without_an_error(operator: Operator) -> None:
    def groups() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = operator.get("/prometheus/api/v1/rules")["data"]["groups"]
        return found

    def all_ok() -> bool:
        return all(rule["health"] == "ok" for group in groups() for rule in group["rules"])

    assert groups()
    _until(all_ok, "all rules evaluated")


def test_the_metrics_of_a_gateway_are_clean(stack: Stack, promtool: Tool) -> None:
    (gateway, *_) = stack.containers("gateway")
    told = stack.inside(gateway, "python", "-c", METRICS).stdout
    assert "maoocr_ready 1.0" in told
    assert promtool("check", "metrics", given=told) == ""


def test_alertmanager_hears_of_what_fires(operator: Operator) -> None:
    def heard() -> set[str]:
        alerts = operator.get("/alertmanager/api/v2/alerts")
        return {alert["labels"]["alertname"] for alert in alerts}

    _until(lambda: "Watchdog" in heard(), "Watchdog in Alertmanager")


# From an alert to a person


class Listener(BaseHTTPRequestHandler):
    """Keeps what it is told in its server's `told`."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def told() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A port, and the messages that come there."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        messages: list[dict[str, Any]] = []
        server.told = messages  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], messages
        server.shutdown()


def test_people_hear_of_the_cause_and_not_of_what_follows_from_it(
    engine: Engine,
    images: Images,
    prefix: str,
    port: Callable[[], int],
    tmp_path: Path,
    told: tuple[int, list[dict[str, Any]]],
) -> None:
    listens_at, messages = told
    tmp_path.chmod(0o755)
    (tmp_path / "url").write_text(f"http://127.0.0.1:{listens_at}/")
    here = f"127.0.0.1:{port()}"
    engine(
        *("run", "--detach", "--name", f"{prefix}-alertmanager", "--network", "host"),
        *("--tmpfs", "/tmp", "--env", "ALERT_WEBHOOK_URL_FILE=/s/url", "--entrypoint", "/bin/sh"),
        *("--volume", f"{PROMETHEUS}:/etc/alertmanager:ro", "--volume", f"{tmp_path}:/s:ro"),
        *(images.of("alertmanager"), "/etc/alertmanager/alertmanager.sh"),
        *(
            "--storage.path=/tmp/alerts",
            f"--web.listen-address={here}",
            "--cluster.listen-address=",
        ),
    )
    alerts = [
        {"labels": {"alertname": name, "severity": "critical"}, "annotations": {"summary": name}}
        for name in ("ErrorsFast", "GatewayDown")
    ]
    with httpx.Client(base_url=f"http://{here}") as client:
        _until(lambda: _answers(client), "Alertmanager ready")
        assert client.post("/api/v2/alerts", json=alerts).status_code == 200
        _until(lambda: bool(messages), "a message")
        states = {
            a["labels"]["alertname"]: a["status"] for a in client.get("/api/v2/alerts").json()
        }
    assert [a["labels"]["alertname"] for m in messages for a in m["alerts"]] == ["GatewayDown"]
    assert states["ErrorsFast"]["inhibitedBy"]


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.HTTPError:
        return False


def _until(condition: Callable[[], bool], what: str) -> None:
    ends, pause = time.monotonic() + LONG_S, threading.Event()
    while not condition():
        assert time.monotonic() < ends, f"not {what} within {LONG_S:.0f} s"
        pause.wait(POLL_S)
