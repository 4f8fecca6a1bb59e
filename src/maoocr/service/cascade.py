"""What a second engine is to read again of a page, and whether its word counts. Pure.

The first engine finds the lines and is nearly always right; the second, a vision-language model,
reads better what is blurred, and invents what is not there. So it is asked about few lines, its
text must resemble what the first one saw, and among the lines there are some of which the first is
certain: a model that reads these wrongly is not believed about the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..domain import Block, Focus, LineFlag, PageResult, Polygon, Region, Spent, TextLine, Word
from .matching import likeness, plain

__all__ = ["Rereading", "merged", "rereading_of", "together"]

EXPECTED_ERRORS = 0.5
"""Characters of a line that are expected to be wrong, from which it is worth a second look.

On the labelled pages of hard kinds (noisy, handwriting, receipt, scene) that is one line in six,
and these hold two thirds of all wrong characters (bench/cascade.py)."""
CONTROLS, MANY_CONTROLS, MANY_DOUBTS = 2, 3, 8
"""Lines that the first engine is certain of; more where more than so many are doubtful."""
CONTROL_SCORE, CONTROL_LENGTH = 0.9, 6
NEARLY_CERTAIN = 0.98
LONGEST_CONTROL = 48
"""Characters above which a longer line is no better a control."""
CONTROL_SLACK = 0.03
"""By which the controls, all together, may be less like what was read than their scores promise: a
model that changes one character in ten is not believed."""
FEW_CHARACTERS, ENOUGH_CHARACTERS = 16, 40
"""Where all controls have fewer, even a careless model may leave them as they are. Then the surest
of the doubtful lines are held against it as well, where they have enough."""
FACTOR, SLACK = 4.0, 0.1
"""A line of score s that is re-read shares 1 - 4 (1 - s) - 0.1 with what was read first, at least;
or the model is not believed."""
LEAST_LIKENESS = 0.3
LEAST_LENGTH, MOST_LENGTH = 0.5, 2.0
"""Of what is read again, as a share of the length that was read first."""
AGREED_SCORE, REREAD_SCORE = 0.98, 0.9
"""Of a line that both read the same, and of one that the second reads otherwise."""


@dataclass(frozen=True, slots=True)
class Rereading:
    """Lines and tables of one page for the second engine.

    Attributes:
        doubtful: indexes of lines, the worst first.
        controls: indexes of lines that the first engine is certain of.
        tables: indexes of blocks.
    """

    doubtful: tuple[int, ...]
    controls: tuple[int, ...]
    tables: tuple[int, ...] = ()

    def focus(self, page: PageResult) -> Focus:
        """What to ask: the doubtful lines, the controls, the tables, in this order."""
        lines = [Region(page.lines[i].polygon) for i in (*self.doubtful, *self.controls)]
        tables = [Region(_place(page.blocks[i].polygon), "table") for i in self.tables]
        return Focus(page.rotation_deg, (*lines, *tables))


def rereading_of(page: PageResult, below: float) -> Rereading | None:
    """What a second engine should look at; None where the first one did well.

    Args:
        page: as the first engine read it.
        below: score below which a line is doubtful; 0 for those with likely errors.
    """
    if page.source == "text_layer" or page.error is not None:
        return None
    doubtful = _doubtful(page.lines, below)
    tables = tuple(
        i
        for i, block in enumerate(page.blocks)
        if block.kind == "table" and block.polygon and _is_doubtful_table(block, page, doubtful)
    )
    if not doubtful and not tables:
        return None
    return Rereading(doubtful, _controls(page.lines, doubtful), tables)


def merged(page: PageResult, rereading: Rereading, read: PageResult) -> PageResult:
    """The page with the better text of each line that was read again.

    Args:
        page: as the first engine read it.
        rereading: that was asked for.
        read: the answer: a block for each region.
    """
    answers = list(read.blocks)
    spent = together(page.spent, read.spent)
    lines = list(page.lines)
    if len(answers) != len(rereading.doubtful) + len(rereading.controls) + len(rereading.tables):
        return replace(page, lines=_marked(lines, rereading.doubtful), spent=spent)
    controls = answers[len(rereading.doubtful) :]
    witnesses = _witnesses(page.lines, rereading)
    if not _is_believed(page.lines, rereading.controls, controls) or not _is_believed(
        page.lines,
        [rereading.doubtful[place] for place in witnesses],
        [answers[place] for place in witnesses],
    ):
        marked = _marked(lines, rereading.doubtful)
        return replace(page, lines=marked, spent=spent, flags=(*page.flags, "unsupported"))
    for index, answer in zip(rereading.doubtful, answers, strict=False):
        lines[index] = _settled(lines[index], answer, read.engine)
    tables = controls[len(rereading.controls) :]
    blocks = _with_texts(page, lines)
    for index, answer in zip(rereading.tables, tables, strict=True):
        blocks[index] = _better_table(blocks[index], answer)
    return replace(page, lines=tuple(lines), blocks=tuple(blocks), spent=spent)


def together(a: Spent | None, b: Spent | None) -> Spent | None:
    """What two readings cost."""
    if a is None or b is None:
        return a or b
    names = dict.fromkeys(name for name in (a.endpoint, b.endpoint) if name)
    return Spent(
        ",".join(names),
        a.calls + b.calls,
        a.input_tokens + b.input_tokens,
        a.output_tokens + b.output_tokens,
        a.cost + b.cost,
    )


def _doubtful(lines: Sequence[TextLine], below: float) -> tuple[int, ...]:
    errors = {i: (1 - line.score) * len(plain(line.text)) for i, line in enumerate(lines)}
    worst = sorted(errors, key=lambda i: -errors[i])
    if below:
        return tuple(i for i in worst if lines[i].score < below)
    return tuple(i for i in worst if errors[i] >= EXPECTED_ERRORS)


def _controls(lines: Sequence[TextLine], doubtful: Sequence[int]) -> tuple[int, ...]:
    lengths = {
        i: min(LONGEST_CONTROL, len(plain(line.text)))
        for i, line in enumerate(lines)
        if line.score >= CONTROL_SCORE and i not in doubtful
    }
    sure = [i for i, length in lengths.items() if length >= CONTROL_LENGTH]
    # One character of a longer line weighs less, so the longest of those that are nearly certain.
    sure.sort(key=lambda i: (lines[i].score < NEARLY_CERTAIN, -lengths[i], -lines[i].score, i))
    return tuple(sure[: MANY_CONTROLS if len(doubtful) > MANY_DOUBTS else CONTROLS])


def _witnesses(lines: Sequence[TextLine], rereading: Rereading) -> list[int]:
    """Places of doubtful lines, the surest ones, that speak where hardly a line is certain."""

    def length(indexes: Iterable[int]) -> int:
        return sum(len(plain(lines[i].text)) for i in indexes)

    if length(rereading.controls) >= FEW_CHARACTERS:
        return []
    surest = [
        place for place, i in enumerate(rereading.doubtful) if lines[i].score >= CONTROL_SCORE
    ]
    told = length(rereading.doubtful[place] for place in surest)
    return surest if told >= ENOUGH_CHARACTERS else []


def _is_doubtful_table(block: Block, page: PageResult, doubtful: Sequence[int]) -> bool:
    return any(i in doubtful for i in block.lines)


def _is_believed(
    lines: Sequence[TextLine], controls: Sequence[int], answers: Sequence[Block]
) -> bool:
    if not controls:
        return True
    found = sum(
        likeness(lines[i].text, answer.text) for i, answer in zip(controls, answers, strict=False)
    )
    promised = sum(lines[i].score for i in controls)
    return found >= promised - CONTROL_SLACK * len(controls)


def _settled(line: TextLine, answer: Block, engine: str) -> TextLine:
    """The line as it stands after both were heard."""
    text = " ".join(answer.text.split())
    if answer.flags or not _is_plausible(line, text):
        return replace(line, flags=_with(line, "doubtful"))
    if plain(text) == plain(line.text):
        return replace(line, score=max(line.score, AGREED_SCORE), flags=_with(line, "reread"))
    words = None if line.words is None else _spread(text, line.polygon, REREAD_SCORE)
    return replace(
        line,
        text=text,
        score=max(line.score, REREAD_SCORE),
        engine=engine,
        words=words,
        flags=_with(line, "reread"),
    )


def _is_plausible(line: TextLine, text: str) -> bool:
    first, second = len(plain(line.text)), len(plain(text))
    if not second or not LEAST_LENGTH * first <= second <= MOST_LENGTH * first + 1:
        return False
    least = max(LEAST_LIKENESS, 1 - FACTOR * (1 - line.score) - SLACK)
    return likeness(line.text, text) >= least


def _better_table(block: Block, answer: Block) -> Block:
    """The model's table, where it holds what was read in it."""
    if answer.flags or not answer.html:
        return block
    alike = likeness(block.text, answer.text)
    return replace(block, html=answer.html, text=answer.text) if alike >= 0.5 else block


def _with_texts(page: PageResult, lines: Sequence[TextLine]) -> list[Block]:
    """The blocks with the lines' new texts; of a table only the cells that hold one line whole."""
    changed = {
        i: (old.text, new.text)
        for i, (old, new) in enumerate(zip(page.lines, lines, strict=True))
        if old.text != new.text
    }
    blocks = []
    for block in page.blocks:
        text, html = block.text, block.html
        for i in block.lines:
            if i in changed:
                old, new = changed[i]
                text = text.replace(old, new, 1)
                html = html.replace(f">{_escaped(old)}<", f">{_escaped(new)}<", 1)
        blocks.append(replace(block, text=text, html=html))
    return blocks


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _marked(lines: Sequence[TextLine], doubtful: Sequence[int]) -> tuple[TextLine, ...]:
    marked = list(lines)
    for i in doubtful:
        marked[i] = replace(marked[i], flags=_with(marked[i], "doubtful"))
    return tuple(marked)


def _with(line: TextLine, flag: LineFlag) -> tuple[LineFlag, ...]:
    return line.flags if flag in line.flags else (*line.flags, flag)


def _spread(text: str, polygon: Polygon, score: float) -> tuple[Word, ...]:
    """Words along the line, each as long as its share of the characters."""
    a, b, c, d = polygon
    words, total, at = [], max(1, len(text)), 0
    for part in text.split(" "):
        u, v = at / total, (at + len(part)) / total
        words.append(Word(part, score, (_on(a, b, u), _on(a, b, v), _on(d, c, v), _on(d, c, u))))
        at += len(part) + 1
    return tuple(word for word in words if word.text)


def _on(a: tuple[float, float], b: tuple[float, float], t: float) -> tuple[float, float]:
    return round(a[0] + t * (b[0] - a[0]), 1), round(a[1] + t * (b[1] - a[1]), 1)


def _place(polygon: Polygon | None) -> Polygon:
    assert polygon is not None
    return polygon
