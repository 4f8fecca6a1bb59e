"""A lane before endpoints keeps the promises of every lane; its page reader is told what to say."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from maoocr.documents.kinds import kind_named
from maoocr.documents.rendering import Renderer
from maoocr.documents.sandbox import DecodedPage
from maoocr.domain import Block, Focus, OcrOptions, PageResult, Polygon, Spent, TextLine
from maoocr.engines.base import EngineInfo, PageImage, PageText
from maoocr.engines.vlm.reader import Again, Shown, VlmReader
from maoocr.errors import CallerLeft, EndpointFault, EngineFault, MaoOCRError
from maoocr.pool.lanes import LaneLost
from maoocr.pool.tickets import PageTask
from maoocr.pool.vlm_lane import VlmLane
from maoocr.telemetry.logging import request_id_var

PLACE: Polygon = ((10.0, 20.0), (30.0, 20.0), (30.0, 40.0), (10.0, 40.0))
LAYER = (TextLine("of its own", 1.0, PLACE, "pdf-text-layer"),)

Read = Callable[[Shown], Awaitable[PageText | Again]]
Outcome = PageResult | MaoOCRError


class Pages:
    """Gives a picture of half the page's size, or the page's own text, without decoding."""

    def __init__(self, layer: tuple[TextLine, ...] | None = None) -> None:
        self._layer = layer
        self.asked: list[OcrOptions] = []

    async def page(
        self,
        sha256: str,
        kind: object,
        number: int,
        options: OcrOptions,
        make: Callable[[DecodedPage], object],
    ) -> object:
        self.asked.append(options)
        image = None if self._layer is not None else np.zeros((50, 40, 3), np.uint8)
        return make(DecodedPage(80, 100, 0.5, image, self._layer, 0.25))


class Model:
    """Reads as its function says."""

    info = EngineInfo("vlm", "d1")

    def __init__(self, read: Read) -> None:
        self._read = read
        self.shown: list[Focus | Again | None] = []

    def show(
        self, image: PageImage, scale: float, asked: Focus | Again | None, *, structure: bool
    ) -> Shown:
        self.shown.append(asked)
        return Shown((), (40, 50), scale)

    async def read(self, shown: Shown, *, deadline: float) -> PageText | Again:
        return await self._read(shown)


def lane(read: Read, pages: Pages | None = None, seconds: float = 60.0) -> VlmLane:
    renderer = cast(Renderer, pages or Pages())
    return VlmLane(renderer, cast(VlmReader, Model(read)), seconds)


def task(number: int = 1, focus: Focus | None = None) -> PageTask:
    return PageTask("f" * 64, kind_named("png"), number, OcrOptions(), focus=focus)


async def outcomes(one: VlmLane, *tasks: PageTask) -> dict[int, Outcome]:
    heard: dict[int, Outcome] = {}
    await one.read(list(tasks), heard.__setitem__)
    return heard


async def say(shown: Shown) -> PageText:
    line = TextLine("e\u0301", 0.123456, PLACE, "vlm", polygon_source="model")
    return PageText(
        40, 50, 90, (line,), (Block("text", "e\u0301", PLACE, (0,)),), ("truncated",), Spent("e", 1)
    )


async def test_what_was_read_is_told_in_pixels_of_the_page() -> None:
    (page,) = (await outcomes(lane(say), task(7))).values()
    assert isinstance(page, PageResult)
    assert (page.number, page.width, page.height, page.rotation_deg) == (7, 100, 80, 90)
    assert page.lines[0].text == "\u00e9"
    assert page.lines[0].polygon[2] == (60.0, 80.0)
    assert page.lines[0].polygon_source == "model"
    assert page.blocks[0].polygon == page.lines[0].polygon
    assert (page.flags, page.spent, page.decode_s) == (("truncated",), Spent("e", 1), 0.25)


async def test_a_page_with_text_of_its_own_is_not_asked_about() -> None:
    async def never(shown: Shown) -> PageText:
        raise AssertionError

    (page,) = (await outcomes(lane(never, Pages(LAYER)), task())).values()
    assert isinstance(page, PageResult)
    assert (page.source, page.engine, page.text) == ("text_layer", "pdf-text-layer", "of its own")


async def test_parts_of_a_page_are_always_cut_out_of_its_picture() -> None:
    pages = Pages()
    await outcomes(lane(say, pages), task(focus=Focus(90)))
    assert pages.asked[0].pdf_text == "ocr"


async def test_a_page_is_shown_again_as_the_reader_wishes_but_not_for_ever() -> None:
    async def turn(shown: Shown) -> Again:
        return Again(Focus(90))

    (error,) = (await outcomes(lane(turn), task())).values()
    assert isinstance(error, EngineFault)


async def test_a_page_that_fails_fails_alone() -> None:
    answers = iter([EndpointFault("It broke."), ValueError("the text of the document"), None])

    async def fail(shown: Shown) -> PageText:
        error = next(answers)
        if error is not None:
            raise error
        return await say(shown)

    heard = await outcomes(lane(fail), task(1), task(2), task(3))
    assert isinstance(heard[0], EndpointFault)
    assert isinstance(heard[1], EngineFault)
    assert "document" not in heard[1].message
    assert isinstance(heard[2], PageResult)


async def test_each_page_of_a_batch_is_asked_about_in_the_name_of_its_own_request() -> None:
    all_are_asked = asyncio.Barrier(3)
    names: list[str | None] = []

    async def ask(shown: Shown) -> PageText:
        await all_are_asked.wait()
        names.append(request_id_var.get())
        return await say(shown)

    tasks = [replace(task(1), request_id="one"), replace(task(2), request_id="two"), task(3)]
    await outcomes(lane(ask), *tasks)
    assert set(names) == {"one", "two", None}
    assert request_id_var.get() is None


async def test_who_leaves_hurts_nobody_else() -> None:
    begun = asyncio.Event()
    free = asyncio.Event()

    async def wait(shown: Shown) -> PageText:
        begun.set()
        await free.wait()
        return await say(shown)

    one = lane(wait)
    reading = asyncio.create_task(outcomes(one, task(1), task(2)))
    await begun.wait()
    one.cancel(0)
    free.set()
    heard = await reading
    assert isinstance(heard[0], CallerLeft)
    assert isinstance(heard[1], PageResult)


@pytest.mark.parametrize(("end", "suspect"), [("hang", True), ("closed", False)])
async def test_a_lane_that_ends_says_so_and_answers_nobody(end: str, suspect: bool) -> None:
    begun = asyncio.Event()

    async def wait(shown: Shown) -> PageText:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    one = lane(wait)
    reading = asyncio.create_task(outcomes(one, task()))
    await begun.wait()
    one.kill(end)  # type: ignore[arg-type]
    with pytest.raises(LaneLost) as lost:
        await reading
    assert (lost.value.end, lost.value.is_suspect) == (end, suspect)
    assert await one.gone() == end
    with pytest.raises(LaneLost):
        await outcomes(one, task())
