r"""Lists of objects in JSON, each a block with its box, as dots.ocr answers.

They come cut off in the middle, between fences, with LaTeX whose backslashes nobody doubled, and
with keys that vary. Each object is read for itself, so that one that is broken costs no other.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...domain import PageFlag
from .reading import MOST_BLOCKS, sound_text

__all__ = ["Entry", "read_entries"]

_EDGE = re.compile(r'["\\{}]')
_BACKSLASH = re.compile(r'\\(?!["\\/bfnrtu])|\\u(?![0-9a-fA-F]{4})')
_LOST = str.maketrans({"\b": "\\b", "\f": "\\f"})
"""A backslash that was not doubled makes `\frac` a form feed with `rac` behind it."""

_TOKEN = re.compile(r'\\.?|["{}\[\],]', re.S)
_START = re.compile(
    r'\{\s{0,20}"(?:bbox|bbox_2d|box|category|label|type|text|text_content)"\s{0,9}:'
)
_BOX = re.compile(r'"(?:bbox|bbox_2d|box)"\s{0,9}:\s{0,9}(\[[^\]]{0,200}\])')
_LABEL = re.compile(r'"(?:category|label|type)"\s{0,9}:\s{0,9}"([\w -]{0,40})"')
_WORDS = re.compile(r'"(?:text|text_content|content)"\s{0,9}:\s{0,9}"(.*)', re.S)
_BOX_KEYS = ("bbox", "bbox_2d", "box", "box_2d", "poly", "polygon", "quad")
_LABEL_KEYS = ("category", "label", "type", "class")
_TEXT_KEYS = ("text", "text_content", "content", "html", "latex", "md")
_MOST_NUMBERS = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One object.

    Attributes:
        box: its numbers as written; empty without one.
        label: empty without one.
    """

    text: str
    label: str = ""
    box: tuple[float, ...] = ()


def read_entries(text: str) -> tuple[list[Entry], list[PageFlag]]:
    """The objects of an answer, in their order.

    Returns:
        `truncated` with a list that has no end (what is whole of its last object is kept),
        `malformed` with words around it, or objects that are broken or no blocks.
    """
    flags: list[PageFlag] = []
    entries: list[Entry] = []
    begin = text.find("{")
    start = text.find("[")
    if begin < 0:
        is_empty = text.strip() in {"[]", "{}", ""}
        is_cut = text.strip() in {"[", "```json", "```"}
        return [], [] if is_empty else ["truncated" if is_cut else "malformed"]
    end = begin
    for source, is_whole, behind in _objects(text, begin):
        end = behind
        if len(entries) >= MOST_BLOCKS:
            flags.append("malformed")
            break
        flags += [] if is_whole else ["truncated"]
        found = _load(source if is_whole else _closed(source))
        if found is None or (not is_whole and len(_START.findall(source)) > 1):
            flags.append("malformed")
            entries += _salvaged(source)
        elif entry := _entry(found):
            entries.append(entry)
        elif is_whole:
            flags.append("malformed")
    flags += _around(text, start if 0 <= start < begin else begin, end)
    return entries, list(dict.fromkeys(flags))


def _around(text: str, start: int, end: int) -> list[PageFlag]:
    """What is wrong before the list and behind its last object."""
    after = text[end:].strip().rstrip("`").strip()
    flags: list[PageFlag] = []
    if text[start] == "[" and end < len(text) and not after.endswith("]"):
        flags.append("truncated")
    if text[:start].strip().removeprefix("```json").strip("` \n") or len(after.strip("]},: ")) > 0:
        flags.append("malformed")
    return flags


def _objects(text: str, begin: int) -> Iterator[tuple[str, bool, int]]:
    """The outermost objects, whether each ends, and where; one wrapped around a list is entered."""
    depth, start, in_string, position = 0, begin, False, begin
    if re.match(r'\{\s*"[^"\\{}]{1,40}"\s*:\s*\[\s*\{', text[begin : begin + 200]):
        position = start = text.index("{", begin + 1)
    while edge := _EDGE.search(text, position):
        position = edge.end()
        if edge.group() == "\\":
            position += 1
        elif edge.group() == '"':
            in_string = not in_string
        elif in_string:
            continue
        elif edge.group() == "{":
            start = edge.start() if depth == 0 else start
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield text[start:position], True, position
    if depth:
        yield text[start:], False, len(text)


def _load(source: str) -> Mapping[str, object] | None:
    for candidate in (source, _BACKSLASH.sub(lambda found: "\\" + found.group(), source)):
        try:
            found = json.loads(candidate, strict=False)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    return None


def _closed(source: str) -> str:
    """An object that was cut off, with what is whole of it."""
    in_string, depth, last_whole = False, 0, 0
    for edge in _TOKEN.finditer(source):
        char = edge.group()
        if char == '"':
            in_string = not in_string
        elif in_string or char[0] == "\\":
            continue
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
        elif depth == 1:
            last_whole = edge.start()
    if in_string:
        ended = re.sub(r"\\(?:u[0-9a-fA-F]{0,3})?$", "", source) + '"}'
        if _load(ended) is not None:
            return ended
    return source[:last_whole] + "}" if last_whole else "{}"


def _salvaged(source: str) -> Iterator[Entry]:
    """What can be had of objects with quotes that nobody escaped, which may run into each other."""
    starts = [found.start() for found in _START.finditer(source)]
    for begin, end in zip(starts, [*starts[1:], len(source)], strict=False):
        part = source[begin:end]
        box, label, text = _BOX.search(part), _LABEL.search(part), _WORDS.search(part)
        words = re.sub(r'"?\s{0,20}\}?\s{0,20},?\s{0,20}\]?\s{0,20}$', "", text[1]) if text else ""
        if box or words:
            numbers = _numbers(box[1]) if box else ()
            said = words.replace("\\n", "\n").replace('\\"', '"')
            yield Entry(sound_text(said), label[1] if label else "", numbers)


def _entry(found: Mapping[str, object]) -> Entry | None:
    """What an object says; None where it has neither words nor a box."""
    label = next((found[key] for key in _LABEL_KEYS if isinstance(found.get(key), str)), "")
    text = next((found[key] for key in _TEXT_KEYS if isinstance(found.get(key), str)), "")
    box = next((found[key] for key in _BOX_KEYS if key in found), None)
    numbers = _numbers(box)
    if not text and not numbers and not label:
        return None
    return Entry(sound_text(str(text).translate(_LOST)), sound_text(str(label))[:60], numbers)


def _numbers(box: object) -> tuple[float, ...]:
    """The numbers of a box, however deep its points are nested (once)."""
    if isinstance(box, str):
        box = re.findall(r"-?\d{1,6}(?:\.\d{1,6})?", box[:200])
    if not isinstance(box, Sequence) or len(box) > _MOST_NUMBERS:
        return ()
    flat: list[object] = []
    for part in box:
        flat.extend(part[:2] if isinstance(part, list) else [part])
    try:
        return tuple(float(n) for n in flat if isinstance(n, int | float | str))
    except (ValueError, OverflowError):
        return ()
