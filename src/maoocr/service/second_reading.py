"""A page that two engines read: doubtful parts again, or the text of one, placed by the other."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from ..domain import Block, Focus, PageResult, Region, RegionTask, Selection
from ..errors import DeadlineExceeded, EngineError, Overloaded
from ..pool import PageTask
from .alignment import aligned
from .cascade import merged, rereading_of
from .ports import Admission

__all__ = ["MARGIN_S", "read_with_places", "read_with_second"]

AdmissionOf = Callable[[str], Admission]

MARGIN_S = 2.0
"""That are left to the answer, when a second reading is given up because the time is over."""

_SILENT = {"figure", "chart"}


async def read_with_second(
    page: PageResult, task: PageTask, selection: Selection, admission_of: AdmissionOf, until: float
) -> PageResult:
    """The page, with what the first engine was not sure of read again by the second of the plan.

    Args:
        page: as the first engine read it.
        task: that it read.
        selection: the plan.
        admission_of: room in the pool for an engine; raises what the pool raises.
        until: moment of `time.monotonic()` after which the first reading has to do.
    """
    rereading = rereading_of(page, selection.reread_below)
    if rereading is None:
        return page
    again = replace(task, focus=rereading.focus(page))
    try:
        async with asyncio.timeout(max(0.0, until - time.monotonic())):
            read = await admission_of(selection.second).read(again)
    except (EngineError, Overloaded, DeadlineExceeded, TimeoutError):
        # What was read stays good; that nobody looked at it again stands at the lines.
        unread = merged(page, rereading, PageResult(page.number))
        return replace(unread, flags=(*unread.flags, "not_reread"))
    return replace(
        merged(page, rereading, read),
        queue_s=page.queue_s + read.queue_s,
        decode_s=page.decode_s + read.decode_s,
        recognize_s=page.recognize_s + read.recognize_s,
    )


async def read_with_places(
    task: PageTask, selection: Selection, admission_of: AdmissionOf
) -> PageResult:
    """The page as the chosen model reads it, with the places of what a detector found.

    Raises:
        MaoOCRError: the model could not read it.
    """
    support = await _support(task, selection, admission_of)
    if support is None:
        return await admission_of(selection.engine).read(task)
    if support.source == "text_layer":
        return support if task.options.structure else replace(support, blocks=())
    focus = Focus(support.rotation_deg, (), _layout(support.blocks))
    read = await admission_of(selection.engine).read(replace(task, focus=focus))
    return aligned(read, support)


async def _support(
    task: PageTask, selection: Selection, admission_of: AdmissionOf
) -> PageResult | None:
    structured = replace(task, options=replace(task.options, structure=True))
    try:
        return await admission_of(selection.support).read(structured)
    except (EngineError, Overloaded):
        # Without it the text is the same, only that nobody knows where it stands.
        return None


def _layout(blocks: tuple[Block, ...]) -> tuple[Region, ...]:
    return tuple(
        Region(block.polygon, _task(block))
        for block in blocks
        if block.polygon is not None and block.kind not in _SILENT
    )


def _task(block: Block) -> RegionTask:
    if block.kind in {"table", "formula"}:
        return "table" if block.kind == "table" else "formula"
    return "text"
