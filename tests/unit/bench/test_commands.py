"""The page on benchmarks names every measurement that there is."""

import re
import signal

import pytest

from bench.__main__ import main
from tests.house.checkout import ROOT


def test_the_page_has_every_measurement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit):
        main(["--help"])
    known = re.findall(r"^ {4}(\w+)", capsys.readouterr().out, re.M)
    page = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    table = page.split("## What is measured")[1].split("`--every N`")[0]
    assert len(known) > 10
    assert re.findall(r"^\| `(\w+)", table, re.M) == known
