"""Folders of images with known texts."""

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LabelledImage", "labelled_images"]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image of a labelled folder.

    Attributes:
        file: its path in the folder, which names it in predictions.
        kind: what it is an example of.
        text: what is on it, in reading order.
        ordered: there is one right reading order.
        case: upper and lower case are told apart.
        pages: of the document.
    """

    path: Path
    file: str
    kind: str
    text: str
    ordered: bool
    case: bool
    pages: int


def labelled_images(folder: Path, *, every: int = 1) -> list[LabelledImage]:
    """The images of a folder with a `labels.jsonl`: one object a line, at least `file` and `text`.

    Also read are `kind`, `order` (`free`: no one right reading order), `case_insensitive` and
    `pages`.

    Args:
        folder: where `labels.jsonl` lies; `file` is relative to it.
        every: only each so-manieth image, for a quick look.
    """
    found = []
    for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        label = json.loads(line)
        pages = label.get("pages") or 1
        found.append(
            LabelledImage(
                path=folder / label["file"],
                file=label["file"],
                kind=str(label.get("kind", "all")),
                text=label["text"],
                ordered=label.get("order") != "free",
                case=not label.get("case_insensitive"),
                pages=len(pages) if isinstance(pages, list) else int(pages),
            )
        )
    return found[::every]
