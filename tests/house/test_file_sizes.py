"""A file over 300 lines is asking to become two."""

from pathlib import Path

import pytest

from tests.house.checkout import ROOT, project_files

MOST_LINES = 300
MOST_TEST_LINES = 400
"""A suite is a list of rules that are read one at a time."""

KINDS = {".py", ".js", ".mjs", ".css", ".html", ".bash", ".sh", ""}
HOMES = {"src", "tests", "bench", "scripts", "configs", "migrations"}

ALLOWED: dict[str, str] = {
    "src/maoocr/errors.py": "One tree, read as one; it grows by a class of a few lines at a time.",
}
"""Files that may be longer, each with the reason."""


def code_files() -> list[Path]:
    return [
        path
        for path in project_files()
        if path.suffix in KINDS
        and path.relative_to(ROOT).parts[0] in HOMES
        and "data" not in path.parts
    ]


@pytest.mark.parametrize("path", code_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_fits_on_a_few_screens(path: Path) -> None:
    if str(path.relative_to(ROOT)) in ALLOWED:
        return
    lines = path.read_text(encoding="utf-8").count("\n")
    most = MOST_TEST_LINES if path.is_relative_to(ROOT / "tests") else MOST_LINES
    assert lines <= most, f"{lines} lines; the next reader holds {most} in his head"


def test_every_exception_is_needed_and_has_its_reason() -> None:
    for name, reason in ALLOWED.items():
        assert (ROOT / name).read_text(encoding="utf-8").count("\n") > MOST_LINES
        assert len(reason) > 20
