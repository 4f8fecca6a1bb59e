"""The blocks of a page whose engine, or whose text layer, tells lines only."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..domain import Block, OcrOptions, TextLine
from ..engines.base import PageImage, PageText
from ..engines.layout import page_blocks
from .faults import described

__all__ = ["as_asked", "layer_text", "with_blocks", "with_words"]

log = logging.getLogger("maoocr.lane")


def with_words(options: OcrOptions) -> OcrOptions:
    """The options that an engine is given: words show where a line runs through several cells."""
    return replace(options, words=True) if options.structure else options


def with_blocks(text: PageText, image: PageImage, options: OcrOptions) -> PageText:
    """What an engine read, with blocks where they were asked for and it gave none.

    Args:
        text: of the page, in pixels of the image.
        image: as it was given to the engine, that is, before the page was turned.
        options: of the caller.
    """
    if options.structure and not text.blocks:
        upright = np.rot90(image, -text.rotation_deg // 90)
        blocks = _found(text.lines, text.width, text.height, upright, tight=False)
        text = replace(text, blocks=blocks)
    return replace(text, lines=as_asked(text.lines, options))


def layer_text(lines: Sequence[TextLine], width: int, height: int, options: OcrOptions) -> PageText:
    """A page's own text, with its blocks where they were asked for."""
    blocks = _found(lines, width, height, None, tight=True) if options.structure else ()
    return PageText(width, height, lines=as_asked(lines, options), blocks=blocks)


def as_asked(lines: Sequence[TextLine], options: OcrOptions) -> tuple[TextLine, ...]:
    """The lines without the words that only the blocks needed."""
    if options.words or not options.structure:
        return tuple(lines)
    return tuple(replace(line, words=None) for line in lines)


def _found(
    lines: Sequence[TextLine],
    width: int,
    height: int,
    image: PageImage | None,
    *,
    tight: bool,
) -> tuple[Block, ...]:
    try:
        return page_blocks(lines, width, height, image, tight=tight)
    except MemoryError:
        raise
    except Exception as error:
        # The lines are right all the same, and are what most callers came for.
        log.error("the structure of a page could not be told: %s", described(error))
        return ()
