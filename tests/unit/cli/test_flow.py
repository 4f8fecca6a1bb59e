import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from maoocr.cli.flow import Outcome, in_order
from maoocr.cli.sources import Source
from maoocr.client import Document, Reply
from maoocr.client.wire import Asked
from maoocr.errors import Forbidden, MaoOCRError, NotFound, UnreadableDocument
from tests.unit.exports.samples import SAMPLE


class Gated:
    """A reader whose documents are done when the test says so."""

    def __init__(self, names: Sequence[str]) -> None:
        self.started: list[Document] = []
        self.cancelled: list[Document] = []
        self.doors = {name: asyncio.Event() for name in names}
        self.moved = asyncio.Condition()

    async def recognize(self, document: Document, **asked: Unpack[Asked]) -> Reply:
        assert asked == {"language": "en"}
        async with self.moved:
            self.started.append(document)
            self.moved.notify_all()
        try:
            await self.doors[str(document)].wait()
        except asyncio.CancelledError:
            self.cancelled.append(document)
            raise
        return Reply.of(SAMPLE)

    async def until_started(self, count: int) -> None:
        async with self.moved:
            await self.moved.wait_for(lambda: len(self.started) >= count)


def sources_of(names: Sequence[str]) -> list[Source]:
    return [Source(name, Path(name), None) for name in names]


async def collect(reader: Gated, names: Sequence[str], at_once: int, done: list[int]) -> list[str]:
    asked = Asked(language="en")
    outcomes = in_order(reader, sources_of(names), asked, at_once, lambda: done.append(1))
    return [source.name async for source, _ in outcomes]


async def test_results_come_in_the_order_of_the_documents() -> None:
    names = ["a", "b", "c"]
    reader, done = Gated(names), list[int]()
    collecting = asyncio.create_task(collect(reader, names, 3, done))
    await reader.until_started(3)
    for name in reversed(names):
        reader.doors[name].set()
    assert await collecting == names
    assert len(done) == 3


async def test_no_more_than_so_many_are_in_the_works() -> None:
    names = [str(n) for n in range(40)]
    reader = Gated(names)
    collecting = asyncio.create_task(collect(reader, names, 2, []))
    for count in range(2, 41):
        await reader.until_started(count)
        assert len(reader.started) == count
        reader.doors[str(count - 2)].set()
    reader.doors["39"].set()
    assert await collecting == names


async def test_an_interruption_cancels_what_runs() -> None:
    names = ["a", "b"]
    reader = Gated(names)
    collecting = asyncio.create_task(collect(reader, names, 2, []))
    await reader.until_started(2)
    collecting.cancel()
    await asyncio.wait([collecting])
    assert collecting.cancelled()
    assert {str(name) for name in reader.cancelled} == {"a", "b"}


class Failing:
    async def recognize(self, document: Document, **asked: Unpack[Asked]) -> Reply:
        match str(document):
            case "gone":
                raise FileNotFoundError(2, "No such file or directory")
            case "closed":
                raise PermissionError(13, "Permission denied")
            case "broken":
                raise OSError(5, "Input/output error")
            case "bad":
                raise UnreadableDocument("A sentence.")
        return Reply.of(SAMPLE)


async def test_a_failure_is_that_documents_outcome_and_the_others_go_on() -> None:
    names = ["gone", "good", "closed", "broken", "bad"]
    found: dict[str, Outcome] = {}
    async for source, outcome in in_order(Failing(), sources_of(names), {}, 2, lambda: None):
        found[source.name] = outcome
    assert list(found) == names
    assert isinstance(found["good"], Reply)
    kinds = {name: type(told) for name, told in found.items() if isinstance(told, MaoOCRError)}
    assert kinds == {
        "gone": NotFound,
        "closed": Forbidden,
        "broken": UnreadableDocument,
        "bad": UnreadableDocument,
    }
