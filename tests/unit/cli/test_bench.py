import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maoocr.cli import app
from maoocr.cli.bench import ROOT, bench_command


def test_without_a_checkout_a_sentence_tells_where_the_bench_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("maoocr.cli.bench"), "ROOT", tmp_path)
    result = CliRunner().invoke(app, ["bench", "accuracy", "folder"])
    assert result.exit_code == 1
    assert "source checkout" in result.stderr


def test_the_bench_runs_from_any_folder(tmp_path: Path) -> None:
    command, environment = bench_command(ROOT, ["accuracy", "--help"])
    said = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "labels.jsonl" in said.stdout
