"""Keys and usage over HTTP."""

import datetime
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import insert

from maoocr.engines.fake import picture_of
from maoocr.store.tables import usage
from tests.web.doors import Guarded, guarded

TODAY = datetime.datetime.now(datetime.UTC).date()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path_factory.mktemp("doors")) as doors:
        yield doors


async def make(doors: Guarded, **wanted: Any) -> dict[str, Any]:
    """A key that an admin made."""
    answer = await doors.client.post("/api/keys", json=wanted, headers=doors.sent("admin"))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture_of("tea")).save(buffer, "PNG")
    return buffer.getvalue()


async def recognize(doors: Guarded, secret: str) -> Any:
    headers = {"X-API-Key": secret, "Content-Type": "image/png"}
    return await doors.client.post("/api/ocr/recognize", content=picture(), headers=headers)


async def test_a_made_key_works_until_it_is_revoked(doors: Guarded) -> None:
    made = await make(doors, name="scanner", scopes=["recognize"], rate_per_minute=50)
    assert (made["scopes"], made["rate_per_minute"]) == (["recognize"], 50)
    answer = await recognize(doors, made["key"])
    assert answer.status_code == 200
    assert answer.headers["ratelimit-limit"] == "50"
    path = f"/api/keys/{made['id']}"
    for _ in range(2):
        gone = await doors.client.delete(path, headers=doors.sent("admin"))
        assert (gone.status_code, gone.content) == (204, b"")
    assert (await recognize(doors, made["key"])).status_code == 401


async def test_the_secret_is_told_once(doors: Guarded) -> None:
    made = await make(doors, name="told once")
    listed = await doors.client.get("/api/keys", headers=doors.sent("admin"))
    assert made["key"].split("_")[2] not in listed.text
    found = next(key for key in listed.json()["items"] if key["id"] == made["id"])
    assert found == {name: value for name, value in made.items() if name != "key"}
    assert "admin" not in found["scopes"]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"name": ""},
        {"name": "a\x00b"},
        {"name": "n", "scopes": ["everything"]},
        {"name": "n", "scopes": "recognize"},
        {"name": "n", "rate_per_minute": 0},
        {"name": "n", "pages_per_month": 10**12},
        {"name": "n", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "n", "expires_at": "2100-01-01T00:00:00"},
        {"name": "n", "owner": "x"},
    ],
)
async def test_a_key_that_makes_no_sense_is_not_made(
    doors: Guarded, wanted: dict[str, Any]
) -> None:
    answer = await doors.client.post("/api/keys", json=wanted, headers=doors.sent("admin"))
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"code", "message", "retryable", "request_id"}


@pytest.mark.parametrize("key_id", ["x", "0" * 26, "%00" * 26, "a" * 300])
async def test_a_key_that_is_not_there_is_a_404(doors: Guarded, key_id: str) -> None:
    path = f"/api/keys/{key_id}"
    assert (await doors.client.delete(path, headers=doors.sent("admin"))).status_code == 404


async def test_refusals_have_the_one_body(doors: Guarded) -> None:
    for headers in ({}, doors.sent("wrong"), doors.sent("jobs")):
        answer = await doors.client.get("/api/keys", headers=headers)
        error = answer.json()["error"]
        assert set(error) == {"code", "message", "retryable", "request_id"}
        assert error["request_id"] == answer.headers["x-request-id"]
        assert "x-content-type-options" in answer.headers
        assert "www-authenticate" in answer.headers


async def test_unknown_revoked_and_expired_answer_alike(doors: Guarded) -> None:
    told = set()
    for name in ("wrong", "revoked", "expired"):
        answer = await doors.client.get("/api/ocr/engines", headers=doors.sent(name))
        told.add((answer.status_code, answer.json()["error"]["message"]))
    assert len(told) == 1


async def test_a_rate_answers_429_with_the_seconds(doors: Guarded) -> None:
    made = await make(doors, name="slow", scopes=["recognize"], rate_per_minute=2)
    headers = {"Authorization": f"Bearer {made['key']}"}
    answers = [await doors.client.get("/api/ocr/engines", headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    error = answers[2].json()["error"]
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30


async def use(doors: Guarded, owner: str, day: datetime.date, pages: int) -> None:
    row = {"owner": owner, "day": day, "requests": 1, "pages": pages, "seconds": 0.5, "cost": 0.1}
    async with doors.gateway.database.write() as connection:
        await connection.execute(insert(usage).values(row))


async def test_a_used_up_month_answers_429(doors: Guarded) -> None:
    made = await make(doors, name="small", scopes=["recognize"], pages_per_month=5)
    await use(doors, made["id"], TODAY, 5)
    answer = await recognize(doors, made["key"])
    assert answer.json()["error"]["code"] == "quota_exceeded"
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


async def asked(doors: Guarded, name: str, **query: str) -> Any:
    return await doors.client.get("/api/usage", params=query, headers=doors.sent(name))


async def test_usage_is_ones_own_and_an_admin_sees_all(doors: Guarded) -> None:
    mine, others = doors.owner("recognize"), doors.owner("jobs")
    day, before = datetime.date(2024, 2, 29), datetime.date(2024, 2, 1)
    await use(doors, mine, day, 3)
    await use(doors, mine, before, 4)
    await use(doors, others, day, 7)
    span = {"from": "2024-02-01", "to": "2024-02-29"}
    own = (await asked(doors, "recognize", **span)).json()["items"]
    assert [(item["owner"], item["day"], item["pages"]) for item in own] == [
        (mine, "2024-02-01", 4),
        (mine, "2024-02-29", 3),
    ]
    assert own[0] == own[0] | {"requests": 1, "seconds": 0.5, "cost": 0.1}
    everybody = (await asked(doors, "admin", **span)).json()["items"]
    assert {item["owner"] for item in everybody} == {mine, others}
    one = (await asked(doors, "admin", owner=others, **span)).json()["items"]
    assert [item["pages"] for item in one] == [7]
    assert (await asked(doors, "recognize", owner=others)).status_code == 403
    assert (await asked(doors, "recognize", owner=mine)).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2024-02-02", "to": "2024-02-01"},
        {"from": "2020-01-01", "to": "2024-01-01"},
        {"from": "9999-12-30"},
        {"to": "0001-01-02"},
        {"from": "yesterday"},
        {"owner": "a\x00b"},
    ],
)
async def test_days_that_make_no_sense_are_a_422(doors: Guarded, query: dict[str, str]) -> None:
    assert (await asked(doors, "admin", **query)).status_code == 422
