"""GET /api/ocr/costs: whose costs a caller sees."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from maoocr.settings import CostSettings
from tests.fakes.documents import png
from tests.web.doors import Guarded, guarded


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path_factory.mktemp("costs")) as found:
        for name in ("recognize", "all"):
            for text in ("one", "two"):
                answer = await found.client.post(
                    "/api/ocr/recognize",
                    files={"image": ("a.png", png(name + text))},
                    headers=found.sent(name),
                )
                assert answer.status_code == 200
        await found.gateway.costs.record_chat(
            found.owner("v1"),
            "r",
            "vlm",
            "cloud",
            input_tokens=10,
            output_tokens=5,
            seconds=0.5,
            cost=0.25,
        )
        yield found


async def costs(doors: Guarded, name: str, **query: str) -> Any:
    return await doors.client.get("/api/ocr/costs", params=query, headers=doors.sent(name))


async def test_an_admin_sees_every_key_and_the_machine(doors: Guarded) -> None:
    found = (await costs(doors, "admin")).json()
    owners = {key["owner"]: key["pages"] for key in found["keys"]}
    assert owners == {doors.owner("recognize"): 2, doors.owner("all"): 2, doors.owner("v1"): 0}
    assert found["remote"]["cost"] == 0.25
    assert "MAOOCR_COSTS__LOCAL_PER_MONTH" in found["break_even"]["sentence"]


async def test_prices_that_are_set_are_metrics_too(doors: Guarded, tmp_path: Path) -> None:
    assert "maoocr_local_cost_per_month{" not in (await doors.client.get("/metrics")).text
    prices = CostSettings(
        currency="EUR", local_per_month=Decimal("300"), remote_per_page=Decimal("0.002")
    )
    async with guarded(tmp_path, costs=prices) as found:
        text = (await found.client.get("/metrics")).text
    assert 'maoocr_local_cost_per_month{currency="EUR"} 300.0' in text
    assert 'maoocr_remote_cost_per_page{currency="EUR"} 0.002' in text


async def test_an_admin_sees_the_key_that_he_names(doors: Guarded) -> None:
    found = (await costs(doors, "admin", owner=doors.owner("recognize"))).json()
    assert [key["owner"] for key in found["keys"]] == [doors.owner("recognize")]
    assert (found["remote"]["cost"], found["break_even"], found["endpoints"]) == (0.0, None, [])


async def test_a_key_sees_its_own_only(doors: Guarded) -> None:
    found = (await costs(doors, "recognize")).json()
    assert [key["owner"] for key in found["keys"]] == [doors.owner("recognize")]
    assert (found["local"]["pages"], found["remote"]["calls"]) == (2, 0)
    assert (found["break_even"], found["endpoints"]) == (None, [])
    answer = await costs(doors, "recognize", owner=doors.owner("all"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


async def test_a_chat_is_a_request_with_its_cost_in_the_use_of_its_key(doors: Guarded) -> None:
    usage = await doors.client.get("/api/usage", headers=doors.sent("v1"))
    day = usage.json()["items"][0]
    assert (day["requests"], day["pages"], day["cost"]) == (1, 0, 0.25)
    found = (await costs(doors, "v1")).json()
    chat = found["engines"][0]
    assert (chat["kind"], chat["engine"], chat["output_tokens"]) == ("chat", "vlm", 5)
    assert (chat["pages"], chat["cost_per_page"]) == (0, None)
