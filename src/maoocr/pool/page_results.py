"""What a page came to, in its own pixels, whoever read it."""

import time

from ..documents.sandbox import DecodedPage
from ..domain import OcrOptions, PageResult
from ..engines.base import PageText
from .page_blocks import layer_text
from .page_frame import block_in_page_px, line_in_page_px

__all__ = ["layer_result", "text_result"]

TEXT_LAYER_ENGINE = "pdf-text-layer"


def layer_result(number: int, page: DecodedPage, options: OcrOptions) -> PageResult:
    """Of a page that answers from the text which its document holds.

    Args:
        number: of the page, from 1.
        page: with a layer, which has words where `page_blocks.with_words` asked for them.
        options: of the caller.
    """
    began = time.monotonic()
    text = layer_text(page.layer or (), page.width, page.height, options)
    return PageResult(
        number=number,
        width=page.width,
        height=page.height,
        source="text_layer",
        engine=TEXT_LAYER_ENGINE,
        lines=tuple(line_in_page_px(line, 1.0) for line in text.lines),
        blocks=tuple(block_in_page_px(block, 1.0) for block in text.blocks),
        decode_s=page.decode_s,
        recognize_s=time.monotonic() - began if options.structure else 0.0,
    )


def text_result(
    number: int, page: DecodedPage, text: PageText, engine: str, seconds: float
) -> PageResult:
    """Of a page that an engine read.

    Args:
        number: of the page, from 1.
        page: as it was decoded.
        text: in pixels of the upright picture.
        engine: that read it.
        seconds: that it took.
    """
    turned = text.rotation_deg in {90, 270}
    width, height = (page.height, page.width) if turned else (page.width, page.height)
    return PageResult(
        number=number,
        width=width,
        height=height,
        rotation_deg=text.rotation_deg,
        engine=engine,
        lines=tuple(line_in_page_px(line, page.scale) for line in text.lines),
        blocks=tuple(block_in_page_px(block, page.scale) for block in text.blocks),
        flags=text.flags,
        spent=text.spent,
        decode_s=page.decode_s,
        recognize_s=seconds,
    )
