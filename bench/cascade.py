"""The cascade over labelled lines: what is asked of the model, and what its answers do.

The model is a server on the loopback that is told in advance what each line says, or lies about it:
what is measured is the cascade, not a model.
"""

import asyncio
import hashlib
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx
from rapidfuzz.distance import Levenshtein

from maoocr.documents.kinds import sniff
from maoocr.documents.limits import DecodeLimits
from maoocr.documents.sandbox import Decoder
from maoocr.domain import Focus, OcrOptions, Polygon, Region
from maoocr.engines.vlm.pictures import pictures_of
from maoocr.vllm.families import family_of
from tests.fakes.vlm_server import Ask, Say, VlmServer, picture_key

from .line_truth import LabelledLines, labelled_lines
from .report import Cell, Report
from .scoring import canonical
from .server import Server
from .spread import spread

__all__ = ["HARD_KINDS", "LIES", "Lie", "cascade", "errors"]

HARD_KINDS = ("noisy", "handwriting", "receipt", "scene")
MODEL = "told-in-advance"
MADE_UP = "All of this was made up by a model that never looked at the page."

DRAWS = 3
"""Of a liar that leaves most of a line as it is: what one draw spoils, the next one does not."""

Lines = list[dict[str, Any]]
Lie = Callable[[str, random.Random], str]


@dataclass(frozen=True, slots=True)
class _Page:
    image: LabelledLines
    lines: Lines
    truths: tuple[str, ...]

    @property
    def errors(self) -> int:
        return errors([line["text"] for line in self.lines], self.truths, case=self.image.case)


async def cascade(folder: Path, *, kinds: Sequence[str]) -> None:
    """Read the images of these kinds alone, with a model that knows, and with ones that lie."""
    await asyncio.to_thread(_measure, folder, kinds)


def _measure(folder: Path, kinds: Sequence[str]) -> None:
    report = Report("cascade", {"folder": folder.name, "kinds": ",".join(kinds)})
    images = labelled_lines(folder, kinds)
    with VlmServer(MODEL) as model:
        room = {
            "MAOOCR_VLM__URL": model.url,
            "MAOOCR_VLM__MODEL": MODEL,
            "MAOOCR_HISTORY__ENABLED": "false",
        }
        with Server(room) as server, httpx.Client(timeout=300) as http:
            read = _Reader(http, f"http://127.0.0.1:{server.port}")
            pages = [_page(read, image) for image in images]
            told = _told(pages)
            model.default = lambda ask: Say(told.get(picture_key(ask.images[0]), ("", ""))[1])
            knowing = [(page, read.again(page)) for page in pages]
            sent = len(model.asks)
            rows, share, removed = _table(knowing, model.asks, told)
            report.table("a model that knows", _COLUMNS, rows)
            report.at_most("lines sent by lines", share, 0.25)
            report.at_least("errors removed by errors", removed, 0.6)
            losses: dict[str, list[float]] = {}
            for name, lie in LIES.items():
                losses[name] = []
                for draw in range(DRAWS if name == CARELESS else 1):
                    model.default = _liar(lie, told, draw)
                    again = [(page, read.again(page)) for page in pages]
                    losses[name].append(100 * _loss(again))
            rows = [[name, spread(lost)] for name, lost in losses.items()]
            report.table("models that lie", ("what it says", "points of CER lost"), rows)
            worst = max(map(fmean, losses.values()))
            report.at_most("points lost to the worst liar", worst, 0.5)
    print(f"{sent} calls")
    report.finish()


def _liar(lie: Lie, told: dict[str, tuple[str, str]], draw: int) -> Callable[[Ask], Say]:
    chance = random.Random(draw)
    return lambda ask: Say(lie(told.get(picture_key(ask.images[0]), ("", ""))[0], chance))


class _Reader:
    def __init__(self, http: httpx.Client, url: str) -> None:
        self._http = http
        self._url = url

    def alone(self, image: LabelledLines) -> Lines:
        return self._read(image, None)

    def again(self, page: _Page) -> Lines:
        return self._read(page.image, {"accuracy_requirement": "high"})

    def _read(self, image: LabelledLines, needs: dict[str, str] | None) -> Lines:
        route = "/api/ocr/recognize" + ("-with-requirements" if needs else "")
        fields = {"engine": "ppocr", "rotation": "false"}
        if needs:
            fields["requirements"] = json.dumps(needs)
        answer = self._http.post(
            self._url + route,
            files={"image": (image.path.name, image.path.read_bytes())},
            data=fields,
            headers={"Cache-Control": "no-store"},
        )
        answer.raise_for_status()
        lines: Lines = answer.json()["pages"][0]["lines"]
        return lines


def _page(read: _Reader, image: LabelledLines) -> _Page:
    lines = read.alone(image)
    truths = tuple(image.truth(line["polygon"], line["text"]) for line in lines)
    return _Page(image, lines, truths)


def _told(pages: Sequence[_Page]) -> dict[str, tuple[str, str]]:
    """What was read and what it really says, by the picture that the model would be shown."""
    told: dict[str, tuple[str, str]] = {}
    family = family_of(MODEL)
    with (
        tempfile.TemporaryDirectory() as folder,
        Decoder(Path(folder), DecodeLimits()) as decoder,
    ):
        for page in pages:
            content = page.image.path.read_bytes()
            name = hashlib.sha256(content).hexdigest()
            (Path(folder) / name).write_bytes(content)
            decoded = decoder.page(name, sniff(content), 1, OcrOptions())
            assert decoded.image is not None
            regions = tuple(Region(_polygon(line["polygon"])) for line in page.lines)
            shown = pictures_of(decoded.image, Focus(0, regions), decoded.scale, family)
            for picture, line, truth in zip(shown, page.lines, page.truths, strict=True):
                told[picture_key(picture.part.data)] = (line["text"], truth)
    return told


def _polygon(points: Sequence[Sequence[float]]) -> Polygon:
    a, b, c, d = ((x, y) for x, y in points)
    return a, b, c, d


_COLUMNS = ("kind", "lines", "sent", "share", "errors before", "after", "removed")


def _table(
    read: Sequence[tuple[_Page, Lines]], asks: Sequence[Ask], told: dict[str, tuple[str, str]]
) -> tuple[list[list[Cell]], float, float]:
    unknown = sum(picture_key(ask.images[0]) not in told for ask in asks)
    if unknown:
        print(f"{unknown} of {len(asks)} pictures were not those of the lines")
    groups: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for page, lines in read:
        after = errors([line["text"] for line in lines], page.truths, case=page.image.case)
        reread = sum(bool({"reread", "doubtful"} & set(line.get("flags", ()))) for line in lines)
        for name in (page.image.kind, "all"):
            for place, value in enumerate((len(lines), reread, page.errors, after)):
                groups[name][place] += value
    groups["all"][1] = len(asks)
    rows: list[list[Cell]] = [
        [name, n, sent, round(sent / n, 3), before, after, round(1 - after / max(1, before), 3)]
        for name, (n, sent, before, after) in groups.items()
    ]
    n, sent, before, after = groups["all"]
    return rows, sent / n, 1 - after / max(1, before)


def _loss(read: Sequence[tuple[_Page, Lines]]) -> float:
    """Errors more than before, by characters."""
    before = sum(page.errors for page, _ in read)
    after = sum(
        errors([line["text"] for line in lines], page.truths, case=page.image.case)
        for page, lines in read
    )
    characters = sum(len(canonical(truth)) for page, _ in read for truth in page.truths)
    return (after - before) / characters


def errors(texts: Sequence[str], truths: Sequence[str], *, case: bool = True) -> int:
    """Edit distances of lines, all together.

    Args:
        texts: that were read.
        truths: of the same lines.
        case: differences of case count.
    """
    return sum(
        Levenshtein.distance(canonical(text, case=case), canonical(truth, case=case))
        for text, truth in zip(texts, truths, strict=True)
    )


def _altered(read: str, chance: random.Random, share: float) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(chance.choice(letters) if chance.random() < share else c for c in read)


CARELESS = "a tenth of the characters changed"
LIES: dict[str, Lie] = {
    "always the same sentence": lambda read, chance: MADE_UP,
    "nothing": lambda read, chance: "",
    "the text backwards": lambda read, chance: read[::-1],
    "half of the characters changed": lambda read, chance: _altered(read, chance, 0.5),
    "a third of the characters changed": lambda read, chance: _altered(read, chance, 0.33),
    CARELESS: lambda read, chance: _altered(read, chance, 0.1),
}
"""Models that say other things than what stands there. Where PP-OCR is in doubt, the last one is
more often right than wrong: it is told by the lines of which PP-OCR is certain, or not at all."""
