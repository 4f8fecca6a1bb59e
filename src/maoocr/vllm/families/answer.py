"""An answer before its markup is read: what models wrap around it, and what is no answer at all."""

import re
from dataclasses import dataclass

from ...domain import PageFlag
from .reading import sound_text

__all__ = ["Answer", "answer_of", "without_loop"]

MOST_CHARS = 200_000
"""Far more than any page holds; what is longer is cut before anything looks at it."""

_END_TOKENS = (
    "</s>",
    "<s>",
    "<|im_end|>",
    "<|im_start|>",
    "<|endoftext|>",
    "<|end_of_sentence|>",
    "<|endofassistant|>",
    "<|eot_id|>",
    "<|user|>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
    "<\uff5chy_place\u2581holder\u2581no\u25812\uff5c>",
    "<pad>",
)
_END_CUT = re.compile(r"<(?:\uff5c[^<>\n]{0,40}|/s?)\Z")
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+-]{0,20})[ \t]*\n?")
_WRAPPERS = {
    "",
    "markdown",
    "md",
    "html",
    "json",
    "latex",
    "tex",
    "text",
    "txt",
    "yaml",
    "plaintext",
}
_PREAMBLE_CHARS = 200
_AFTERWORD_CHARS = 300

_REFUSAL = re.compile(
    r"(?:i['\u2019]?m\s+(?:(?:really|very|so|currently)\s+)?(?:sorry|unable|not\s+able)|sorry"
    r"|i\s+apologi[sz]e|unfortunately|as\s+an\s+ai|i\s+(?:can(?:not|['\u2019]t|\s+not)|am\s+unable"
    r"|am\s+not\s+able|am\s+sorry|do\s+not|don['\u2019]t))"
    r"[^\n]{0,160}?"
    r"(?:can(?:not|['\u2019]t|\s+not)|unable|not\s+able|assist|help|extract|transcribe|view|see|process"
    r"|image|read)"
    r"|(?:非常)?(?:抱歉|对不起|很遗憾)[\uff0c,。]?\s*(?:我|作为)[^\n]{0,40}(?:无法|不能|不可以)",
    re.IGNORECASE,
)
_REFUSAL_CHARS = 600
_NO_TEXT = re.compile(
    r"(?:\(?\[?(?:null|none|n/a|blank page|empty page|no text(?: (?:found|detected|visible))?)"
    r"\)?\]?"
    r"|(?:the|this) (?:image|page|picture|document)[^\n.]{0,40} (?:is (?:completely |entirely )?"
    r"(?:blank|empty)|(?:contains|has) no (?:\w+ )?text)[^\n.]{0,60}"
    r"|there is no (?:\w+ )?text (?:in|on|visible)[^\n.]{0,40}"
    r"|(?:图片|图像|页面)中?(?:没有|无)(?:任何)?(?:文字|文本)(?:内容)?)[.。]?",
    re.IGNORECASE,
)
_CHAT = re.compile(r"(?:<?\|?user\|?>?:)(.{0,4000}?)(?:<?\|?assistant\|?>?:)", re.I | re.S)
_LONG_PROMPT = 40
_TAG = re.compile(r"<[^<>]{0,80}>")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is left to be read.

    Attributes:
        text: without wrapping; empty for an empty page and for a refusal.
        flags: what was wrong already.
    """

    text: str
    flags: tuple[PageFlag, ...] = ()


def answer_of(raw: str, prompt: str = "") -> Answer:
    """Take off what is not the answer: end tokens, thoughts, fences, the prompt, a loop.

    Args:
        raw: whatever the model wrote.
        prompt: that it was asked with; models say it back sometimes.
    """
    flags: list[PageFlag] = []
    text = raw[:MOST_CHARS]
    if len(raw) > MOST_CHARS:
        flags.append("truncated")
    text = _END_CUT.sub("", sound_text(text))
    for token in _END_TOKENS:
        text = text.replace(token, "")
    text, is_whole = _without_thoughts(text)
    if not is_whole:
        return Answer("", ("malformed",))
    text, was_asked = _without_prompt(text.strip(), prompt)
    text, is_closed = _unwrapped(text)
    if not is_closed:
        flags.append("truncated")
    text, loops = without_loop(text)
    if loops:
        flags.append("repetition")
    if len(text) <= _REFUSAL_CHARS and _REFUSAL.match(text):
        return Answer("", ("malformed",))
    if _NO_TEXT.fullmatch(text.strip()):
        text = ""
    if not text.strip() and was_asked:
        flags.append("malformed")
    return Answer(text.strip("\n"), tuple(flags))


def _without_thoughts(text: str) -> tuple[str, bool]:
    """Without `<think>…</think>` before the answer; not whole where the thought never ends."""
    start = text.lstrip()
    if not start.startswith("<think>"):
        head, mark, tail = text.partition("</think>")
        return (tail, True) if mark and len(head) < len(text) // 2 else (text, True)
    _, mark, tail = start.partition("</think>")
    return tail, bool(mark)


def _without_prompt(text: str, prompt: str) -> tuple[str, bool]:
    """Without the prompt, and whether it was there.

    A short one such as `OCR:` may stand on the page: it goes only as a line of its own.
    """
    chat = _CHAT.match(text)
    if chat and (not prompt or prompt.strip() in chat.group(1)):
        return text[chat.end() :].strip(), True
    prompt = prompt.strip()
    if not prompt or not text.startswith(prompt):
        return text, False
    rest = text[len(prompt) :]
    if len(prompt) >= _LONG_PROMPT or not rest.strip() or rest.startswith("\n"):
        return rest.strip(), True
    return text, False


def _unwrapped(text: str) -> tuple[str, bool]:
    """The inside of one code fence around everything, and whether the fence was closed.

    A sentence before it (`Here is the text:`) and one behind it go with it.
    """
    opening = _FENCE.search(text, 0, _PREAMBLE_CHARS + 100)
    if opening is None or opening.group(2).lower() not in _WRAPPERS:
        return text, True
    before = text[: opening.start()].strip()
    if before and (len(before) > _PREAMBLE_CHARS or "\n" in before or before[-1] not in ":\uff1a"):
        return text, True
    mark = opening.group(1)
    closing = text.rfind("\n" + mark)
    if closing < opening.end() - 1:
        if not before and not text.endswith(mark):
            return text[opening.end() :], False
        return text[opening.end() :].removesuffix(mark), True
    after = text[closing + 1 + len(mark) :].strip()
    inside = text[opening.end() : closing + 1]
    if len(after) > _AFTERWORD_CHARS or ("\n" + mark) in inside:
        return text, True
    return inside, True


def without_loop(text: str) -> tuple[str, bool]:
    """One round of the loop that a text ends in, and whether there was one.

    A loop is a piece of up to 1000 characters that fills at least the last 200 and stands there at
    least eight times. Leaders, rules and rows of empty cells are let pass up to 4000 characters:
    they stand on real pages.
    """
    length = len(text)
    for period in range(1, min(1000, length // 8) + 1):
        rounds = max(8, -(-200 // period))
        if rounds * period > length:
            continue
        unit = text[-period:]
        if not text.endswith(unit * rounds):
            continue
        begin = length - rounds * period
        while begin >= period and text.startswith(unit, begin - period):
            begin -= period
        says_something = any(char.isalnum() for char in _TAG.sub("", unit * 2))
        if says_something or length - begin > 4000:
            return text[: begin + period], True
        return text, False
    return text, False
