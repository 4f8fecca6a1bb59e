"""Each question of the dashboards is answered by the running deployment, once it was used."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.deploy.pictures import next_picture
from tests.deploy.stack import Stack
from tests.house.test_dashboards import EXPRESSIONS, filled, selectors, statements

ANSWERED_S = 300.0
ABSENT = {
    "DCGM_": "no accelerator",
    "vllm:": "no vLLM",
    "maoocr_vlm_": "no endpoint",
    "maoocr_v1_": "no endpoint",
    "maoocr_cost": "no endpoint",
    "maoocr_budget": "no endpoint",
    "maoocr_local_cost": "no price is set",
    "maoocr_remote_cost": "no price is set",
}
"""What the deployment of the tests has not, by how the names of its metrics begin."""


def is_there(expression: str) -> bool:
    """Whether the deployment has all that an expression asks for."""
    return not any(
        (one.name or "").startswith(tuple(ABSENT)) or 'job="vllm"' in str(one)
        for one in selectors(expression)
    )


def use(client: httpx.Client) -> None:
    """What callers do: read, read again, ask for a job, and make mistakes."""
    picture = next_picture()
    image = {"image": ("order.png", picture.data, "image/png")}
    for _ in range(2):
        assert client.post("/api/ocr/recognize", files=image).status_code == 200
    files = [("files", ("order.png", next_picture().data, "image/png"))]
    assert client.post("/api/ocr/jobs", files=files).status_code == 202
    broken = {"image": ("order.png", b"no picture", "image/png")}
    assert client.post("/api/ocr/recognize", files=broken).status_code >= 400
    assert client.get("/nowhere").status_code == 404


@pytest.fixture
def ask(stack: Stack) -> Iterator[Callable[[str], list[object]]]:
    """What Prometheus answers, as an operator reaches it."""
    base = f"https://localhost:{stack.operator_port}/prometheus/"
    with httpx.Client(base_url=base, verify=stack.trust(), timeout=30) as prometheus:

        def answer(expression: str) -> list[object]:
            asked = prometheus.get("api/v1/query", params={"query": filled(expression)})
            body = asked.json()
            assert body["status"] == "success", f"{expression}: {body}"
            found: list[object] = body["data"]["result"]
            return found

        yield answer


def test_every_expression_is_answered_after_a_load(
    stack: Stack, ask: Callable[[str], list[object]]
) -> None:
    waiting = {expression: panel for panel, expression in EXPRESSIONS if is_there(expression)}
    assert len(waiting) > len(EXPRESSIONS) / 2
    ends = time.monotonic() + ANSWERED_S
    with stack.client() as client:
        # A rate is known once a series was scraped before it grew: so it is used again and again.
        while waiting:
            use(client)
            waiting = {one: panel for one, panel in waiting.items() if not ask(one)}
            assert time.monotonic() < ends, f"no answer: {waiting}"


def test_what_is_absent_is_asked_for_in_order(ask: Callable[[str], list[object]]) -> None:
    for _, expression in EXPRESSIONS:
        if not is_there(expression):
            ask(expression)


def test_the_ledger_answers_grafana(stack: Stack) -> None:
    with stack.client() as client:
        use(client)
    stack.compose("run", "--rm", "--no-deps", "grafana-reader")
    (postgres,) = stack.containers("postgres")
    password = (stack.folder / "secrets" / "grafana_reader_password").read_text().strip()
    psql = ("env", f"PGPASSWORD={password}", "psql", "-h", "127.0.0.1", "-U", "grafana", "-At")
    now = datetime.now(UTC)
    for title, statement in statements().items():
        for name, moment in (("From", now - timedelta(days=1)), ("To", now)):
            statement = statement.replace(f"$__time{name}()", f"'{moment:%Y-%m-%dT%H:%M:%SZ}'")
        done = stack.inside(postgres, *psql, "-d", "maoocr", "-c", statement)
        assert done.returncode == 0, f"{title}: {done.stderr}"
        # Nothing was paid where no endpoint is.
        assert done.stdout.strip() or title == "What does each endpoint get?"
    secret = stack.inside(postgres, *psql, "-d", "maoocr", "-c", "SELECT hash FROM api_keys")
    assert "permission denied" in secret.stderr
