"""A measurement whose figure is on the wrong side of its line ends as a failure."""

import json
import signal
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.report import Report


@pytest.mark.parametrize(("value", "code"), [(1.0, None), (1.5, "MISSED: too much")])
def test_a_line_that_is_missed_is_the_exit_code_of_the_bench(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    value: float,
    code: str | None,
) -> None:
    async def measure(**_: object) -> None:
        report = Report("something", {}, tmp_path)
        report.at_least("enough", value, 1.0)
        report.at_most("too much", value, 1.2)
        report.finish()

    monkeypatch.setattr(bench, "selector_time", measure)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    if code is None:
        bench.main(["selector"])
    else:
        with pytest.raises(SystemExit) as ended:
            bench.main(["selector"])
        # A text is told on stderr, and the exit status is 1.
        assert ended.value.code == code
    (written,) = tmp_path.iterdir()
    assert json.loads(written.read_text())["lines"]["too much"]["holds"] == (code is None)
    assert ("MISSED" in capsys.readouterr().out) == (code is not None)
