"""Each question of the dashboards is answered by the running deployment, once it was used."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.deploy.pictures import next_picture
from tests.deploy.stack import Stack
from tests.house.test_dashboards import EXPRESSIONS, filled, selectors, statements

ANSWERED_S = 300.0
OF_AN_ACCELERATOR = ("DCGM_",)
OF_VLLM = (
    *("vllm:", "maoocr_vlm_", "maoocr_v1_", "maoocr_cost", "maoocr_budget"),
    *("maoocr_local_cost", "maoocr_remote_cost"),
)
"""How metrics begin that the plain deployment has not: `test_vllm_dashboards.py` asks for these."""


def asks_for(expression: str, names: tuple[str, ...]) -> bool:
    """Whether an expression asks for metrics that begin so."""
    return any((one.name or "").startswith(names) for one in selectors(expression))


def is_of_vllm(expression: str) -> bool:
    """Whether only a deployment with vLLM, and with prices, can answer."""
    scrapes_it = any('job="vllm"' in str(one) for one in selectors(expression))
    return scrapes_it or asks_for(expression, OF_VLLM)


def is_there(expression: str) -> bool:
    """Whether the plain deployment has all that an expression asks for."""
    return not is_of_vllm(expression) and not asks_for(expression, OF_AN_ACCELERATOR)


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


@contextmanager
def asking(stack: Stack) -> Iterator[Callable[[str], list[object]]]:
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


@pytest.fixture
def ask(stack: Stack) -> Iterator[Callable[[str], list[object]]]:
    with asking(stack) as answer:
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


def test_only_an_accelerator_is_missing_to_all_of_them(ask: Callable[[str], list[object]]) -> None:
    """What nothing here can answer is at least asked for in order."""
    never = [e for _, e in EXPRESSIONS if not is_there(e) and not is_of_vllm(e)]
    assert never
    for expression in never:
        assert asks_for(expression, OF_AN_ACCELERATOR)
        assert not ask(expression)


def test_the_ledger_answers_grafana(stack: Stack) -> None:
    with stack.client() as client:
        use(client)
    empty = {title for title, answer in answers_of_the_ledger(stack).items() if not answer}
    # Nothing was paid where no endpoint is.
    assert empty <= {"What does each endpoint get?"}


def answers_of_the_ledger(stack: Stack) -> dict[str, str]:
    """What Grafana's role is answered, by the title of the panel; other tables are closed to it."""
    stack.compose("run", "--rm", "--no-deps", "grafana-reader")
    (postgres,) = stack.containers("postgres")
    password = (stack.folder / "secrets" / "grafana_reader_password").read_text().strip()
    psql = ("env", f"PGPASSWORD={password}", "psql", "-h", "127.0.0.1", "-U", "grafana", "-At")
    now = datetime.now(UTC)
    answers = {}
    for title, statement in statements().items():
        for name, moment in (("From", now - timedelta(days=1)), ("To", now)):
            statement = statement.replace(f"$__time{name}()", f"'{moment:%Y-%m-%dT%H:%M:%SZ}'")
        done = stack.inside(postgres, *psql, "-d", "maoocr", "-c", statement)
        assert done.returncode == 0, f"{title}: {done.stderr}"
        answers[title] = done.stdout.strip()
    secret = stack.inside(postgres, *psql, "-d", "maoocr", "-c", "SELECT hash FROM api_keys")
    assert "permission denied" in secret.stderr
    return answers
