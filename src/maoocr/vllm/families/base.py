"""What a family of vision-language models is: how it is asked, and what its answer means.

A family is data and one pure function. It knows no HTTP, no picture and no page: the engine scales
and sends the picture as the family says and hands over the text that came back. Boxes are in
fractions of the picture as it was sent, so that whoever cut it out of a page can put them back.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...domain import BlockKind, PageFlag, Polygon

__all__ = [
    "Family",
    "Parse",
    "Parsed",
    "ParsedBlock",
    "Prompt",
    "Sampling",
    "Scaling",
    "Sent",
    "Task",
]

Task = Literal["page", "text", "table", "formula", "spotting"]
"""What a model is asked for: a whole page with its structure, one element that was cut out of a
page, or every line of a page with where it stands (`spotting`: on a page of which nobody else told
that, and of a model whose answer to `page` does not tell it)."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How large a picture is sent; the order of the steps is that of the attributes.

    Attributes:
        fixed: width and height to which every picture is stretched; None keeps the proportions.
        longest_side: pixels that neither side may exceed; 0 is no limit.
        min_pixels: below which a picture is enlarged.
        max_pixels: above which it is made smaller.
        multiple: of which both sides are to be, so that the model does not scale once more; its
            coordinates are then those of the picture that was sent.
    """

    fixed: tuple[int, int] | None = None
    longest_side: int = 0
    min_pixels: int = 0
    max_pixels: int = 4_000_000
    multiple: int = 1

    def size_of(self, width: int, height: int, *, shrink: float = 1.0) -> tuple[int, int]:
        """Width and height at which a picture of this size is sent, each at least `multiple`.

        Args:
            width: in pixels, from 1.
            height: in pixels, from 1.
            shrink: side to send as a share of the side that is usual, in 0..1; for another try.
        """
        if self.fixed is not None:
            return self.fixed
        scale = self._scale(width, height) * shrink
        sides = self._sides(width * scale, height * scale, round)
        is_long = 0 < self.longest_side < max(sides)
        if is_long or sides[0] * sides[1] > self.max_pixels:
            return self._sides(width * scale, height * scale, math.floor)
        if sides[0] * sides[1] < self.min_pixels and shrink == 1.0:
            return self._sides(width * scale, height * scale, math.ceil)
        return sides

    def _scale(self, width: int, height: int) -> float:
        scale = 1.0
        if self.longest_side:
            scale = min(1.0, self.longest_side / max(width, height))
        pixels = width * height * scale * scale
        if pixels > self.max_pixels:
            scale *= math.sqrt(self.max_pixels / pixels)
        elif pixels < self.min_pixels:
            scale *= math.sqrt(self.min_pixels / pixels)
        return scale

    def _sides(self, width: float, height: float, whole: Callable[[float], int]) -> tuple[int, int]:
        unit = self.multiple
        return max(unit, whole(width / unit) * unit), max(unit, whole(height / unit) * unit)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn; None leaves it to the server."""

    temperature: float = 0.0
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None

    @property
    def extra(self) -> dict[str, float]:
        """The fields of the request's JSON beside `temperature` and `top_p`."""
        values = {
            "top_k": self.top_k,
            "repetition_penalty": self.repetition_penalty,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Prompt:
    """How one task is asked for.

    Attributes:
        text: beside the picture; empty where the model wants the picture alone.
        scaling: in place of the family's.
        sampling: in place of the family's.
        max_tokens: in place of the family's; 0 for the family's.
        extra: fields of the request's JSON beside the family's.
        models: regular expression; only models in whose name (lower case) it is found know it.
    """

    text: str
    scaling: Scaling | None = None
    sampling: Sampling | None = None
    max_tokens: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)
    models: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """The picture as it was sent, in pixels; some models answer in them."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """A part of the picture with one role.

    Attributes:
        text: without markup; of a table its cells, a row a line, with tabs between; of a formula
            its LaTeX; of a `figure` empty.
        html: of a `table` or a `chart` that was read as one, one `<table>` element of `tr`, `th`
            and `td` with nothing but `rowspan` and `colspan`.
        latex: of a `formula`, without delimiters.
        level: of a `heading`, from 1; of a `list` item its depth, from 1; else 0.
        box: four points, clockwise from the top left, in fractions (0..1) of the picture as it was
            sent; None where the model gave none.
        turn_deg: clockwise turn (0, 90, 180, 270) that makes the part upright.
    """

    kind: BlockKind
    text: str = ""
    html: str = ""
    latex: str = ""
    level: int = 0
    box: Polygon | None = None
    turn_deg: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer says.

    Attributes:
        blocks: in reading order; none for an empty page.
        flags: `malformed` where markup or coordinates could not be read as they stand, the prompt
            came back, or the model refused; `truncated` where the answer ends in the middle of its
            markup; `repetition` where it ends in a loop, of which one round is kept.
        turn_deg: clockwise turn (0, 90, 180, 270) by which the page should be read again; None
            where the model said nothing about it.
        language: that the model told, a BCP 47 tag; empty where it told none.
        has_layout_only: the blocks say what is where and not what it says: each is to be cut out
            and asked for by the task of its kind.
    """

    blocks: tuple[ParsedBlock, ...] = ()
    flags: tuple[PageFlag, ...] = ()
    turn_deg: int | None = None
    language: str = ""
    has_layout_only: bool = False


Parse = Callable[[str, Task, Sent], Parsed]
"""Reads an answer, whatever it is; raises nothing."""


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are asked alike and answer alike.

    Attributes:
        name: for configuration (`MAOOCR_VLM__FAMILY`).
        title: for people.
        models: regular expressions; the first family with one that is found in a model's name
            (lower case) is its family.
        tasks: what it can be asked, and how.
        parse: reads its answer.
        image_first: the picture stands before the words.
        system: message before; None sends none, an empty one is sent as such.
        scaling: of the picture.
        sampling: of the first try.
        temperatures: of the first and each further try of a page that came back flagged.
        max_tokens: that an answer may have.
        extra: further fields of the request's JSON.
        reads_pages: whole pages, in one call (or two, see `Parsed.has_layout_only`); else only
            elements that somebody cut out.
        languages: BCP 47 tags; empty for very many.
    """

    name: str
    title: str
    models: tuple[str, ...]
    tasks: Mapping[Task, Prompt]
    parse: Parse
    image_first: bool = True
    system: str | None = None
    scaling: Scaling = field(default_factory=Scaling)
    sampling: Sampling = field(default_factory=Sampling)
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.5)
    max_tokens: int = 4096
    extra: Mapping[str, Any] = field(default_factory=dict)
    reads_pages: bool = True
    languages: tuple[str, ...] = ()

    def spots(self, model: str) -> bool:
        """Whether a model of that name tells lines with their places when it is asked for them."""
        prompt = self.tasks.get("spotting")
        return prompt is not None and re.search(prompt.models, model.lower()) is not None
