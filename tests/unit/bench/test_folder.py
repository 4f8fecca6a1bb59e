import json
from pathlib import Path

from bench.folder import labelled_images


def test_labels_say_what_counts(tmp_path: Path) -> None:
    labels = [
        {"file": "a.png", "text": "A", "kind": "scene", "order": "free", "case_insensitive": True},
        {"file": "b.pdf", "text": "B", "pages": [{"text": "B"}, {"text": ""}]},
        {"file": "c.tif", "text": "", "pages": 3},
    ]
    lines = "\n\n".join(json.dumps(label) for label in labels)
    (tmp_path / "labels.jsonl").write_text(lines + "\n", encoding="utf-8")
    a, b, c = labelled_images(tmp_path)
    assert (a.path, a.kind, a.ordered, a.case, a.pages) == (
        tmp_path / "a.png",
        "scene",
        False,
        False,
        1,
    )
    assert (b.kind, b.ordered, b.case, b.pages) == ("all", True, True, 2)
    assert c.pages == 3
    assert [image.file for image in labelled_images(tmp_path, every=2)] == ["a.png", "c.tif"]
