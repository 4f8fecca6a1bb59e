"""A cursor over the lines of an answer in Markdown."""

import re
from dataclasses import dataclass, field

from .reading import Reading

__all__ = ["Lines", "without_comments", "without_cut"]

_CUT = re.compile(
    r"(?:<\|[^|<>\n]{0,40}\|?|!\[[^\[\]\n]{0,300}(?:\](?:\([^()\n]{0,300})?)?"
    r"|\[[^\[\]\n]{0,300}\]\([^()\n]{0,300}|(?<=- )\[[ xX]?\]?)\Z"
)
_CUT_CHARS = 700


@dataclass(slots=True)
class Lines:
    """The lines of a page, and where the next block begins.

    Attributes:
        reading: what was read of them.
        at: index of the next line.
        indents: of the list items that are open, outermost first.
        last: index of the last line that has a mark, by mark; looked up once.
    """

    lines: list[str]
    reading: Reading = field(default_factory=Reading)
    at: int = 0
    indents: list[int] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The next one."""
        return self.lines[self.at]

    def closes_at(self, mark: str, begin: int) -> int:
        """The first line from `begin` on that has a mark; -1 where none has.

        Args:
            mark: that ends something.
            begin: index; all before the line found must be taken, or the search is made again.
        """
        if mark not in self.last:
            having = (n for n in range(len(self.lines) - 1, -1, -1) if mark in self.lines[n])
            self.last[mark] = next(having, -1)
        if self.last[mark] < begin:
            return -1
        having = (n for n in range(begin, self.last[mark] + 1) if mark in self.lines[n])
        return next(having, -1)


def without_cut(text: str) -> tuple[str, bool]:
    """A text without the link, picture or token that it breaks off in, and whether it is whole."""
    cut = _CUT.search(text, max(0, len(text) - _CUT_CHARS))
    return (text[: cut.start()], False) if cut else (text, True)


def without_comments(text: str) -> str:
    """A text without `<!-- … -->`; one that never ends takes the rest."""
    kept, position = [], 0
    while (start := text.find("<!--", position)) >= 0:
        kept.append(text[position:start])
        end = text.find("-->", start)
        if end < 0:
            return "".join(kept)
        position = end + 3
    return "".join([*kept, text[position:]])
