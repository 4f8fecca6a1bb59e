"""The next engine of a plan reads what one of them fails at: through a real pool."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from maoocr.bootstrap.directory import PoolDirectory
from maoocr.cache.flights import MemoryFlights
from maoocr.cache.memory import MemoryCache
from maoocr.domain import OcrOptions, OcrResult, PageFlag, PageResult, Requirements
from maoocr.engines.profiles import Profiles
from maoocr.errors import (
    EndpointUnavailable,
    EngineFault,
    EngineUnavailable,
    MaoOCRError,
    Overloaded,
    UnreadableDocument,
)
from maoocr.pool.lanes import LaneLost
from maoocr.service.recognizer import Recognizer, StreamBegun
from maoocr.settings import LimitSettings
from maoocr.telemetry.metrics import Metrics
from tests.fakes.obedient_lanes import Orders, Outcome, pool_of
from tests.unit.service.test_recognizer import PDF, Counter, Sheet

PATIENCE_S = 20.0
READS = {"accuracy": {"simple_text": 4, "formula": 4}}
PROFILES: Mapping[str, Mapping[str, object]] = {
    "first": READS,
    "next": READS | {"seconds_per_page": 3.0},
    "last": READS | {"seconds_per_page": 9.0},
    "cloud": READS | {"kind": "vlm", "privacy": "remote", "price_per_page": 0.01},
}


class Desk:
    """A recognizer over a real pool with several engines."""

    def __init__(
        self,
        orders: Orders,
        *engines: str,
        pages: int = 1,
        profiles: Mapping[str, Mapping[str, object]] = PROFILES,
        **settings: object,
    ) -> None:
        metrics = Metrics(CollectorRegistry())
        self.pool = pool_of(orders, *engines, **settings)
        self.recognizer = Recognizer(
            self.pool,
            PoolDirectory(self.pool, Profiles(profiles)),
            Counter(pages),
            MemoryCache(1_000_000, 60.0, metrics),
            MemoryFlights(),
            LimitSettings(),
            metrics,
        )

    async def read(
        self,
        requirements: Requirements | None = None,
        engine: str | None = None,
        document: str = "h",
    ) -> OcrResult:
        sheet = Sheet(sha256=document, kind=PDF)
        async with asyncio.timeout(PATIENCE_S):
            return await self.recognizer.recognize(
                sheet, OcrOptions(), requirements=requirements, engine=engine
            )


@asynccontextmanager
async def desk(
    orders: Orders, *engines: str, pages: int = 1, **settings: Any
) -> AsyncIterator[Desk]:
    made = Desk(orders, *engines, pages=pages, **settings)
    await made.pool.start()
    try:
        yield made
    finally:
        await made.pool.close()


def failing(engine: str, outcome: Outcome, *pages: int) -> Orders:
    """Orders under which one engine fails, over some pages or all."""
    return Orders(
        outcome=lambda name, page: (
            outcome if name == engine and (not pages or page in pages) else None
        )
    )


@pytest.mark.parametrize(
    "outcome",
    [
        EngineFault("It raised."),
        EngineUnavailable("It cannot be started."),
        EndpointUnavailable("Nobody takes the call."),
        LaneLost("crash", is_suspect=True),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
async def test_the_next_engine_reads_what_the_chosen_one_fails_at(outcome: Exception) -> None:
    async with desk(failing("first", outcome), "first", "next") as it:
        result = await it.read()
    assert result.text == "next 1"
    assert result.pages[0].flags == ("fallback",)
    assert (result.selection.engine, result.engines) == ("first", ("next",))
    assert "first could not read the document; next did instead." in result.selection.reasons


async def test_one_page_falls_back_alone() -> None:
    async with desk(failing("first", EngineFault("It raised."), 2), "first", "next", pages=3) as it:
        result = await it.read()
    assert [page.engine for page in result.pages] == ["first", "next", "first"]
    assert [bool(page.flags) for page in result.pages] == [False, True, False]
    assert "first could not read page 2; next did instead." in result.selection.reasons


async def test_the_fault_of_a_document_is_no_reason_to_try_another_engine() -> None:
    orders = failing("first", UnreadableDocument("damaged"))
    async with desk(orders, "first", "next") as it:
        with pytest.raises(UnreadableDocument):
            await it.read()
    assert orders.read == [("first", 1)]


async def test_the_first_failure_is_told_when_every_engine_fails() -> None:
    def outcome(engine: str, page: int) -> MaoOCRError:
        return EngineFault(f"{engine} raised.")

    orders = Orders(outcome=outcome)
    async with desk(orders, "first", "next", "last") as it:
        with pytest.raises(EngineFault, match=r"first raised\."):
            await it.read()
    assert orders.read == [("first", 1), ("next", 1), ("last", 1)]


async def test_an_engine_that_the_plan_rules_out_never_reads() -> None:
    orders = failing("first", EngineFault("It raised."))
    async with desk(orders, "first", "cloud") as it:
        with pytest.raises(EngineFault):
            await it.read(Requirements(privacy="local"))
        with pytest.raises(EngineFault):
            await it.read(Requirements(max_cost=0.0))
        assert (await it.read()).engines == ("cloud",)
    assert orders.read.count(("cloud", 1)) == 1


async def test_an_engine_that_cannot_be_started_is_passed_over() -> None:
    async with desk(Orders(absent={"first"}), "first", "next", backoff_max_seconds=0.1) as it:
        result = await it.read()
        assert (result.selection.engine, result.selection.ruled_out[0][0]) == ("next", "first")
        assert result.pages[0].flags == ()
        named = await it.read(engine="first")
    assert (named.engines, named.pages[0].flags) == (("next",), ("fallback",))


async def test_a_full_queue_sends_the_document_to_an_engine_that_costs_no_more() -> None:
    orders = Orders(gates={"first": asyncio.Event()})
    async with desk(orders, "first", "cloud", "next", max_documents=1) as it:
        waiting = asyncio.create_task(it.read(engine="first"))
        await orders.begun.wait()
        second = await it.read(document="other")
        orders.gates["first"].set()
        assert (await waiting).engines == ("first",)
    assert second.engines == ("next",)
    assert ("cloud", 1) not in orders.read


async def test_a_full_queue_is_told_where_only_dearer_engines_have_room() -> None:
    orders = Orders(gates={"first": asyncio.Event()})
    async with desk(orders, "first", "cloud", max_documents=1) as it:
        waiting = asyncio.create_task(it.read(engine="first"))
        await orders.begun.wait()
        with pytest.raises(Overloaded):
            await it.read(document="other")
        orders.gates["first"].set()
        await waiting


async def test_what_a_fallback_read_is_not_kept_as_the_chosen_ones_answer() -> None:
    orders = failing("first", EngineFault("It raised."))
    async with desk(orders, "first", "next") as it:
        assert (await it.read()).engines == ("next",)
        orders.outcome = lambda engine, page: None
        again = await it.read()
        assert (again.engines, again.cached) == (("first",), False)
        kept = await it.read()
    assert (kept.engines, kept.cached) == (("first",), True)


async def test_who_must_stay_local_does_not_share_what_a_remote_fallback_read() -> None:
    orders = failing("first", EngineFault("It raised."))
    orders.gates = {"first": asyncio.Event()}
    async with desk(orders, "first", "cloud") as it:
        free = asyncio.create_task(it.read())
        await orders.begun.wait()
        bound = asyncio.create_task(it.read(Requirements(privacy="local")))
        orders.gates["first"].set()
        assert (await free).engines == ("cloud",)
        with pytest.raises(EngineFault):
            await bound


async def test_a_stream_falls_back_page_by_page() -> None:
    orders = failing("first", EngineFault("It raised."), 2)
    async with desk(orders, "first", "next", pages=2) as it:
        stream = it.recognizer.stream(Sheet(kind=PDF), OcrOptions())
        begun, *pages, whole = [item async for item in stream]
    assert isinstance(begun, StreamBegun)
    assert isinstance(whole, OcrResult)
    assert [page.engine for page in pages if isinstance(page, PageResult)] == ["first", "next"]
    assert "first could not read page 2; next did instead." in whole.selection.reasons


def flawed(orders: Orders, *engines: str, flags: tuple[PageFlag, ...]) -> Orders:
    """Orders under which these engines' pages carry flags."""
    orders.flags = lambda engine, page: flags if engine in engines else ()
    return orders


@pytest.mark.parametrize("flag", ["truncated", "repetition", "unsupported", "incomplete"])
async def test_a_page_whose_text_is_wrong_or_missing_goes_to_the_next_engine(
    flag: PageFlag,
) -> None:
    async with desk(flawed(Orders(), "first", flags=(flag,)), "first", "next") as it:
        result = await it.read()
    assert (result.text, result.pages[0].flags) == ("next 1", ("fallback",))


async def test_broken_markup_alone_is_no_reason_to_read_again() -> None:
    orders = flawed(Orders(), "first", flags=("malformed",))
    async with desk(orders, "first", "next") as it:
        assert (await it.read()).pages[0].flags == ("malformed",)
        orders.text = lambda engine, page: "" if engine == "first" else "text"
        assert (await it.read(document="other")).text == "text"


async def test_a_fallback_whose_text_is_no_better_goes_to_the_one_behind_it() -> None:
    orders = flawed(Orders(), "first", "next", flags=("truncated",))
    async with desk(orders, "first", "next", "last") as it:
        assert (await it.read()).engines == ("last",)


@pytest.mark.parametrize(
    "outcome", [EngineFault("It raised."), EngineUnavailable("It is gone.")], ids=["fault", "gone"]
)
async def test_a_flawed_page_is_given_as_such_where_nobody_reads_it_better(
    outcome: MaoOCRError,
) -> None:
    orders = flawed(failing("next", outcome), "first", flags=("truncated",))
    async with desk(orders, "first", "next") as it:
        result = await it.read()
        assert (result.text, result.pages[0].flags) == ("first 1", ("truncated",))
        assert not (await it.read()).cached
