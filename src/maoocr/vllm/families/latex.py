"""LaTeX of formulas: without delimiters, and whether it holds together."""

import re

__all__ = ["is_balanced", "read_formula"]

MOST_CHARS = 20_000
_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([A-Za-z]{1,30}\*?)\}")
_PLAIN = re.compile(r"\\(begin|end)\{(?:equation|displaymath|math)\*?\}")
_COMMAND = re.compile(r"\\([A-Za-z@]+)")
_REFUSED = frozenset(
    re.findall(
        r"\w+",
        "input include openin openout read write immediate catcode def edef gdef xdef let csname"
        " newcommand renewcommand href url includegraphics htmlClass htmlId htmlStyle htmlData"
        " usepackage documentclass special loop directlua",
    )
)
"""Commands that read, write, link or define; no formula on a page needs them."""


def read_formula(text: str) -> tuple[str, bool]:
    """A formula without its delimiters, and whether it holds together and is harmless."""
    text = text.strip()[:MOST_CHARS].strip()
    is_closed = True
    text = _PLAIN.sub("", text).strip()
    for opening, closing in _DELIMITERS:
        if text.startswith(opening):
            is_closed = text.endswith(closing) and len(text) >= len(opening) + len(closing)
            text = text[len(opening) :]
            text = (text[: -len(closing)] if is_closed else text).strip()
            break
    commands = {command.group(1) for command in _COMMAND.finditer(text)}
    return text, is_closed and is_balanced(text) and not commands & _REFUSED


def is_balanced(text: str) -> bool:
    r"""Whether braces, environments and `\left` … `\right` come in pairs."""
    depth = 0
    escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth < 0:
                return False
    if depth:
        return False
    open_names: list[str] = []
    for which, name in _ENVIRONMENT.findall(text):
        if which == "begin":
            open_names.append(name)
        elif not open_names or open_names.pop() != name:
            return False
    commands = [command.group(1) for command in _COMMAND.finditer(text)]
    return not open_names and commands.count("left") == commands.count("right")
