"""Accuracy over a labelled folder, by kind, ours beside RapidOCR's default."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from .children import Children
from .folder import LabelledImage, labelled_images
from .load import Answer, closed_loop, recognize_request
from .machine import ROOT
from .rapid import rapid_reader
from .report import RESULTS, Cell, Report
from .scoring import Score, Scores, score, total
from .server import Server

__all__ = ["accuracy"]

COLUMNS = ("kind", "images", "chars", "ordered", "CER", "charF1", "pairF1", "exact")


async def accuracy(folder: Path, *, every: int, with_rapidocr: bool) -> None:
    """Read every image of the folder through HTTP and compare with its label."""
    report = Report("accuracy", {"folder": folder.name, "every": every})
    images = labelled_images(folder, every=every)
    with Server() as server:
        ours = await _read(server, images)
        report.table("engine", ("detail", "value"), list(server.details.items()))
    scored = _tell(report, "maoocr", images, ours)
    if with_rapidocr:
        with Children(server.lanes, rapid_reader, 1) as readers:
            paths = [image.path for image in images]
            answers = readers.share(paths)
        theirs = {image.file: answer.text for image, answer in zip(images, answers, strict=True)}
        beside = _tell(report, "rapidocr", images, theirs)
        _compare(report, scored, beside)
    report.finish()


async def _read(server: Server, images: Sequence[LabelledImage]) -> dict[str, str]:
    texts: dict[str, str] = {}

    def take(image: LabelledImage, answer: Answer) -> None:
        if answer.status == 200:
            texts[image.file] = answer.json()["text"]
        else:
            print(f"{image.file}: {answer.status} {answer.body[:200]!r}")

    await closed_loop(
        server.port,
        images,
        lambda image: recognize_request(image.path.read_bytes(), name=image.path.name),
        take,
        concurrency=server.lanes * 2,
    )
    return texts


def _tell(
    report: Report, who: str, images: Sequence[LabelledImage], texts: Mapping[str, str]
) -> dict[str, Scores]:
    groups: dict[str, list[Score]] = defaultdict(list)
    for image in images:
        found = score(image.text, texts.get(image.file, ""), ordered=image.ordered, case=image.case)
        groups[image.kind].append(found)
    scores = {kind: total(group) for kind, group in sorted(groups.items())}
    scores["all"] = total(found for group in groups.values() for found in group)
    report.table(f"accuracy of {who}", COLUMNS, [_row(kind, s) for kind, s in scores.items()])
    _write_predictions(RESULTS / f"predictions-{who}.jsonl", texts)
    return scores


def _row(kind: str, s: Scores) -> list[Cell]:
    shown = (None if s.cer is None else round(s.cer, 4), *(round(x, 4) for x in _f1s(s)))
    return [kind, s.images, s.chars, s.ordered_images, *shown]


def _f1s(s: Scores) -> tuple[float, float, float]:
    return s.char_f1, s.pair_f1, s.exact


def _write_predictions(path: Path, texts: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        for file, text in texts.items():
            out.write(json.dumps({"file": file, "text": text}, ensure_ascii=False) + "\n")
    print(f"predictions in {path.relative_to(ROOT)}")


def _compare(report: Report, ours: Mapping[str, Scores], theirs: Mapping[str, Scores]) -> None:
    rows: list[list[Cell]] = []
    for kind, own in ours.items():
        other = theirs[kind]
        cer = None if own.cer is None or other.cer is None else round(own.cer - other.cer, 4)
        points = (100 * (a - b) for a, b in zip(_f1s(own), _f1s(other), strict=True))
        rows.append([kind, cer, *(round(x, 2) for x in points)])
    columns = ("kind", "CER", "charF1 points", "pairF1 points", "exact points")
    report.table("maoocr less rapidocr", columns, rows)
    worst = min(100 * (own.char_f1 - theirs[kind].char_f1) for kind, own in ours.items())
    report.at_least("charF1 of the worst kind less RapidOCR's, points", worst, -1)
