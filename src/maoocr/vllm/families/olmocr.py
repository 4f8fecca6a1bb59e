"""olmOCR 1 and 2 (Ai2): a page in Markdown behind a front matter in YAML.

Checked against allenai/olmocr f7cfe4c (2026-03-25): `prompts/prompts.py`
(`build_no_anchoring_v4_yaml_prompt`), `pipeline.py` (words before the picture, 8000 tokens, longest
side 1288, the temperatures of its tries), `train/front_matter.py`, and `train/dataloader.py`
(`RotationAugmentation`): a correction is counter-clockwise, whatever the schema in `prompts.py`
says.
"""

import re
from collections.abc import Mapping

from .answer import answer_of
from .base import Family, Parsed, Prompt, Sampling, Scaling, Sent, Task
from .markdown import read_markdown

__all__ = ["OLMOCR"]

_PAGE = (
    "Attached is one page of a document that you must process. "
    "Just return the plain text representation of this document as if you were reading it"
    " naturally. Convert equations to LateX and tables to HTML.\n"
    "If there are any figures or charts, label them with the following markdown syntax"
    " ![Alt text describing the contents of the figure](page_startx_starty_width_height.png)\n"
    "Return your output as markdown, with a front matter section on top specifying values for the"
    " primary_language, is_rotation_valid, rotation_correction, is_table, and is_diagram"
    " parameters."
)
_TASKS: dict[Task, Prompt] = {"page": Prompt(_PAGE)}
_FIELD = re.compile(r"([a-z_]{3,30})[ \t]*:[ \t]*(.{0,100})")
_FIELDS = {
    "primary_language",
    "is_rotation_valid",
    "rotation_correction",
    "is_table",
    "is_diagram",
}
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?")


def parse(answer: str, task: Task, sent: Sent) -> Parsed:
    """Read the front matter and the Markdown behind it."""
    del task, sent
    found = answer_of(answer, _PAGE)
    matter, text, is_whole = _front_matter(found.text)
    reading = read_markdown("" if text.strip() == "null" else text)
    reading.flag(*found.flags)
    if not is_whole:
        reading.flag("malformed" if text.strip() else "truncated")
    language = matter.get("primary_language", "")
    if not _LANGUAGE.fullmatch(language) or language == "null":
        language = ""
    return reading.done(turn_deg=_turn(matter), language=language)


def _front_matter(text: str) -> tuple[Mapping[str, str], str, bool]:
    """The fields, what follows, and whether the front matter is there from end to end."""
    text = text.strip()
    if not text:
        return {}, "", True
    if not text.startswith("---"):
        return {}, text, False
    lines = text.split("\n")
    fields: dict[str, str] = {}
    for number, line in enumerate(lines[1:12], start=1):
        if line.strip() == "---":
            return fields, "\n".join(lines[number + 1 :]), fields.keys() >= _FIELDS
        found = _FIELD.fullmatch(line.strip())
        if found is None:
            return fields, "\n".join(lines[number:]), False
        fields[found[1]] = found[2].strip().strip("\"'")
    return fields, "\n".join(lines[12:]), False


def _turn(matter: Mapping[str, str]) -> int | None:
    """The clockwise turn that makes the page upright; None where nothing sound is said."""
    if matter.get("is_rotation_valid", "").lower() == "true":
        return 0
    correction = matter.get("rotation_correction", "")
    return {"0": 0, "90": 270, "180": 180, "270": 90}.get(correction)


OLMOCR = Family(
    name="olmocr",
    title="olmOCR",
    models=(r"olmocr",),
    tasks=_TASKS,
    parse=parse,
    image_first=False,
    scaling=Scaling(longest_side=1288, max_pixels=1_700_000),
    sampling=Sampling(temperature=0.1),
    temperatures=(0.1, 0.1, 0.2, 0.3, 0.5, 0.8, 0.9, 1.0),
    max_tokens=8000,
    languages=("en",),
)
