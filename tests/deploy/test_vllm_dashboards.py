"""What dashboards ask of vLLM, of endpoints and of money, a deployment that has them answers."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.deploy.engine import Engine, Images
from tests.deploy.front import until
from tests.deploy.stack import Stack
from tests.deploy.test_dashboards import answers_of_the_ledger, asking, is_of_vllm, use
from tests.deploy.vllm_site import MODEL
from tests.deploy.vllm_stack import ASK_S, Page, deployed_with_vllm, needs_vllm, read_by
from tests.house.test_dashboards import EXPRESSIONS

pytestmark = needs_vllm

ANSWERED_S = 600.0
LEFT_OUT = (
    *("alertmanager", "grafana", "node-exporter", "blackbox-exporter"),
    *("redis-exporter", "postgres-exporter", "nginx-exporter"),
)
PRICES = """
MAOOCR_COSTS__LOCAL_PER_MONTH=400
MAOOCR_COSTS__REMOTE_PER_PAGE=0.01
"""
"""Lines of `.env`."""
ENDPOINTS = f"""
endpoints:
  - name: beside
    engine: vlm
    url: http://vllm:8000
    model: {MODEL}
    privacy: local
    api_key_file: /run/secrets/vllm_api_key
    price_input_per_1k: 0.01
    price_output_per_1k: 0.02
    daily_budget: 1000
"""
"""Of the gateway: vLLM as an endpoint that costs money and may cost only so much."""
WITH_PRICES = """
  gateway:
    environment: {MAOOCR_VLM__URL: "", MAOOCR_ENGINES_FILE: /endpoints.yaml}
    volumes: ["./endpoints.yaml:/endpoints.yaml:ro"]
"""
"""Of `docker-compose.override.yml`: the endpoint of the file in place of that of the variable."""


@pytest.fixture(scope="module")
def priced(
    engine: Engine,
    images: Images,
    gateway_image: str,
    module_prefix: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The deployment with vLLM and Prometheus, whose gateway knows what vLLM costs."""
    images.all()
    folder = tmp_path_factory.mktemp("priced")
    stack = Stack(engine, folder, module_prefix)
    (folder / "endpoints.yaml").write_text(ENDPOINTS)
    options = [word for name in LEFT_OUT for word in ("--without", name)]
    with deployed_with_vllm(
        stack, gateway_image, folder, *options, settings=PRICES, override=WITH_PRICES
    ) as priced:
        yield priced


def ask_v1(client: httpx.Client) -> None:
    """A call without a picture: this, too, costs tokens."""
    said = client.post(
        "/v1/chat/completions",
        json={
            "model": "vlm",
            "messages": [{"role": "user", "content": "OCR:"}],
            "max_tokens": 20,
        },
    )
    assert said.status_code == 200, said.text


def test_every_expression_about_vllm_and_money_is_answered(priced: Stack) -> None:
    waiting = {expression: panel for panel, expression in EXPRESSIONS if is_of_vllm(expression)}
    assert len(waiting) > 40
    ends = time.monotonic() + ANSWERED_S
    with priced.client(ASK_S) as client, asking(priced) as ask:
        # A rate is known once a series was scraped before it grew: so it is used again and again.
        while waiting:
            read_by(client, "recognize", engine="vlm")
            ask_v1(client)
            waiting = {one: panel for one, panel in waiting.items() if not ask(one)}
            assert time.monotonic() < ends, f"no answer: {waiting}"
        (spent,) = ask("sum(maoocr_cost_total)")
        assert value(spent) > 0
        (left,) = ask("min(maoocr_budget_left)")
        assert value(left) == pytest.approx(1000 - value(spent), abs=1)
        (up,) = ask('sum(up{job="vllm"})')
        assert value(up) == 1


def value(sample: object) -> float:
    assert isinstance(sample, dict)
    return float(sample["value"][1])


def test_the_ledger_answers_grafana_about_money_too(priced: Stack) -> None:
    with priced.client(ASK_S) as client:
        use(client)
        assert Page().is_read_in(read_by(client, "recognize", engine="vlm")["text"])

    def is_answered() -> bool:
        return all(answers_of_the_ledger(priced).values())

    until(is_answered)
