"""Every route, asked by everybody: made from the OpenAPI document and the routes of the app."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from maoocr.bootstrap import create_app
from maoocr.errors import error_types
from maoocr.service.callers import SCOPES
from maoocr.settings import Settings
from maoocr.store.ids import new_id
from maoocr.web.rules import Rule, rule_of
from scripts.reference.routes import route_names
from tests.fakes.documents import png
from tests.fakes.history_rows import keep_row
from tests.web.doors import Guarded, guarded, knock

APP = create_app(Settings(_env_file=None))
DOCUMENTED = [
    (method.upper(), path) for path, methods in APP.openapi()["paths"].items() for method in methods
]
SOCKETS = [name.split(" ")[1] for name in route_names(APP) if name.startswith("WS ")]

ROUTES = DOCUMENTED + [("WS", path) for path in SOCKETS]
GUARDED = [(m, p) for m, p in ROUTES if (rule := rule_of(p)) and rule.need != "nothing"]
PUBLIC = [(m, p) for m, p in ROUTES if (rule := rule_of(p)) and rule.need == "nothing"]

NOBODYS = {
    "/api/ocr/engines/{name}/load": "Engines belong to the installation; only admins reach them.",
    "/api/ocr/engines/{name}/unload": "Likewise.",
    "/v1/models/{id}": "Models are everybody's who may use them at all.",
    "/api/keys/{id}": "Keys belong to the installation; only admins reach them.",
    "/api/ocr/cache/{key}": "An answer in the cache is everybody's who sends the same bytes.",
}
"""Paths with an id of something that has no owner."""

Maker = Callable[[Guarded, str], Awaitable[str]]

STATUSES = {kind.code: kind.status for kind in error_types()}


async def make_job(doors: Guarded, owner: str) -> str:
    answer = await doors.client.post(
        "/api/ocr/jobs", files=[("files", ("a.png", png("a")))], headers=doors.sent("all")
    )
    assert answer.status_code == 202
    return str(answer.json()["id"])


MAKERS: dict[str, Maker] = {
    "/api/ocr/history/": lambda doors, owner: keep_row(doors.app, owner),
    "/api/ocr/jobs/": make_job,
    "/ws/ocr/jobs/": make_job,
}
"""By the beginning of a path: makes an object of an owner there and gives its id."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path_factory.mktemp("doors")) as doors:
        yield doors


def need(path: str) -> Rule:
    rule = rule_of(path)
    assert rule is not None
    return rule


async def ask(doors: Guarded, method: str, path: str, key: str | None, given: str = "") -> int:
    """The status of the answer; of a WebSocket that is let in, 101."""
    path = re.sub(r"\{\w+(:path)?\}", given or new_id(), path)
    headers = {} if key is None else doors.sent(key)
    if method == "WS" and given:
        # Who may use jobs at all is let in, and then told of this one.
        _, first = await knock(doors.app, path, headers, listens=True)
        return STATUSES[first["error"]["code"]] if "error" in first else 101
    if method == "WS":
        outcome, what = await knock(doors.app, path, headers)
        return 101 if outcome == "accept" else int(what)
    async with doors.client.stream(method, path, headers=headers) as answer:
        return answer.status_code


@pytest.mark.parametrize(("method", "path"), PUBLIC)
async def test_a_public_route_asks_for_nothing(doors: Guarded, method: str, path: str) -> None:
    assert await ask(doors, method, path, None) == 200


@pytest.mark.parametrize("key", [None, "wrong", "revoked", "expired"])
@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_without_a_good_key_nobody_gets_in(
    doors: Guarded, method: str, path: str, key: str | None
) -> None:
    assert await ask(doors, method, path, key) == 401


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_a_key_opens_what_its_scope_is_for_and_nothing_else(
    doors: Guarded, method: str, path: str, scope: str
) -> None:
    status = await ask(doors, method, path, scope)
    if need(path).scope in {None, scope}:
        assert status not in {401, 403}
        assert status < 500
    else:
        assert status == 403


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p in GUARDED if "{" in p])
async def test_what_is_anothers_is_not_there(doors: Guarded, method: str, path: str) -> None:
    if path in NOBODYS:
        return
    maker = next((make for start, make in MAKERS.items() if path.startswith(start)), None)
    assert maker is not None, f"{path} needs a maker of its object in MAKERS"
    made = await maker(doors, doors.owner("all"))
    assert await ask(doors, method, path, "other", made) == 404
    assert await ask(doors, method, path, "other", new_id()) == 404
    assert await ask(doors, method, path, "all", made) != 404


@pytest.mark.parametrize("path", ["/nowhere", "/api/ocr", "/api/keys/", "/api/ocr/recognize/"])
async def test_a_path_without_a_rule_is_not_there(doors: Guarded, path: str) -> None:
    assert await ask(doors, "GET", path, None) == 401
    assert await ask(doors, "GET", path, "all") == 404


async def test_a_route_without_a_rule_is_not_there(doors: Guarded) -> None:
    async def secret() -> dict[str, Any]:
        return {"text": "swordfish"}

    doors.app.add_api_route("/api/forgotten", secret)
    assert await ask(doors, "GET", "/api/forgotten", None) == 401
    assert await ask(doors, "GET", "/api/forgotten", "all") == 404
