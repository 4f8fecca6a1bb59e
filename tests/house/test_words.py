"""The project speaks of itself alone: nothing in it knows the machine that it was written on."""

from pathlib import Path

import pytest

from tests.house.checkout import ROOT, project_files

FOREIGN = tuple(
    map(
        "".join,
        [
            ("/wo", "rk/"),
            ("/ro", "ot/"),
            ("/op", "t/pypi"),
            ("shared", "/data"),
            ("shared", "/design"),
            ("data", "/open"),
            ("py", "pi.org"),
            ("python", "hosted.org"),
            ("deb.", "debian.org"),
            ("npm", "js.org"),
        ],
    )
)
"""Paths of one machine and hosts of registries, where a mirror must do as well.

In two halves each, so that this file may stand among the others.
"""


@pytest.mark.parametrize("path", project_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_word_of_another_place(path: Path) -> None:
    content = path.read_bytes()
    assert [word for word in FOREIGN if word.encode() in content] == []
