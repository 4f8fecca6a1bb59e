"""What can be said without starting a lane: help, usage, models, sentences."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from maoocr import __version__
from maoocr.cli import main
from maoocr.cli.results import Results
from maoocr.cli.sentences import guarded
from maoocr.cli.sources import Source
from maoocr.client import Reply
from maoocr.errors import ModelUnavailable, StorageFull, UnreadableDocument
from tests.unit.exports.samples import SAMPLE

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*args: str) -> int:
        monkeypatch.setattr(sys, "argv", ["maoocr", *args])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return call


def test_the_version(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("version") == 0
    assert capsys.readouterr().out == f"maoocr {__version__}\n"


@pytest.mark.parametrize("command", ["serve", "recognize", "models", "version"])
def test_help_names_every_command(
    run: Run, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run("--help") == 0
    assert command in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["no-such-command"], "No such command"),
        (["recognize", "--format", "docx", "x"], "'docx' is not one of text, markdown, html, json"),
        (["recognize", "--json", "--text", "x"], "Only one of --json, --text and --format"),
        (["recognize", "--json", "--format", "csv", "x"], "Only one of"),
        (["recognize", "--format", "alto", "x", "y"], "Several files as alto need --output"),
        (["recognize", "--dpi", "many", "x"], "'--dpi'"),
        (["recognize", "--jobs", "-1", "x"], "'--jobs'"),
        (["models", "pull"], ""),
        (["serve", "--port", "65536"], "'--port'"),
    ],
)
def test_a_wrong_command_ends_with_2_and_says_why(
    run: Run, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert run(*args) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["recognize", "--pages", "3-1", "x"], "pages: '3-1' does not run upwards"),
        (["recognize", "--server", "ftp://x", "x"], "'ftp://x' is no address of a server"),
        (["models", "pull", "ppocr-huge"], "There is no model 'ppocr-huge'. There are ppocr-tiny"),
        (["models", "list", "--manifest", "no.yaml"], "no.yaml cannot be read"),
    ],
)
def test_an_error_is_a_sentence_and_ends_with_1(
    run: Run, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert run(*args) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("maoocr: ")
    assert message in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAOOCR_LIMITS__MAX_PAGES", "none"),
        ("MAOOCR_PPOCR__TIER", "huge"),
        ("WEB_CONCURRENCY", "-3"),
        ("MAOOCR_SERVER", "{"),
    ],
)
def test_a_wrong_setting_is_told_by_its_variable(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert run("models", "list") == 2
    told = capsys.readouterr().err
    assert told.startswith("maoocr: ")
    assert (name if name != "MAOOCR_SERVER" else '"server"') in told


def test_models_are_listed_verified_and_removed(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = {
        "path": "m/a.onnx",
        "url": "https://host.test/a",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }
    entry = {"title": "A model", "licence": "MIT", "homepage": "h", "files": [file]}
    manifest = tmp_path / "models.yaml"
    manifest.write_text(yaml.safe_dump({"models": {"a-model": entry}}))
    options = ("--manifest", str(manifest), "--path", str(tmp_path / "models"))

    assert run("models", "list", *options) == 0
    assert capsys.readouterr().out.split() == ["a-model", "absent", "-", "MIT", "A", "model"]
    assert run("models", "verify", *options) == 0
    assert run("models", "verify", "a-model", *options) == 1
    assert capsys.readouterr().out.split() == ["a-model", "absent", "m/a.onnx"]

    (tmp_path / "models/m").mkdir(parents=True)
    (tmp_path / "models/m/a.onnx").write_bytes(b"weights")
    assert run("models", "verify", *options) == 0
    assert run("models", "pull", "a-model", *options) == 0
    assert "a-model: all is there." in capsys.readouterr().err

    (tmp_path / "models/m/a.onnx").write_bytes(b"damaged")
    assert run("models", "list", *options) == 0
    assert run("models", "verify", *options) == 1
    assert "corrupt" in capsys.readouterr().out

    assert run("models", "remove", "a-model", "--yes", *options) == 0
    assert not (tmp_path / "models/m").exists()


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [
        (ModelUnavailable("It\x1b[2J is\ngone."), 1, "maoocr: It[2J is gone.\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_failures_end_the_program_in_order(
    capsys: pytest.CaptureFixture[str], failure: BaseException, code: int, told: str
) -> None:
    def fail() -> None:
        raise failure

    with pytest.raises(SystemExit) as ended:
        guarded(fail)
    assert ended.value.code == code
    assert capsys.readouterr().err == told


def test_json_of_many_is_one_object_a_line_and_failures_have_theirs(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    results = Results("json", many=True)
    results.read(Source("a\udcff.png", b"", None), Reply.of(SAMPLE))
    results.failed(Source("b.png", b"", None), UnreadableDocument("A sentence."))
    first, second = map(json.loads, capfdbinary.readouterr().out.splitlines())
    assert (first["file"], first["text"], first["request_id"]) == ("a?.png", SAMPLE.text, None)
    assert second == {
        "file": "b.png",
        "error": {"code": "unreadable_document", "message": "A sentence.", "retryable": False},
    }
    # One page of the sample failed.
    assert results.failures == 2


def test_texts_of_many_have_headings_and_one_has_none(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    Results("text", many=False).read(Source("a.png", b"", None), Reply.of(SAMPLE))
    alone = capfdbinary.readouterr().out
    results = Results("text", many=True)
    for name in ("a.png", "b\x1b[2J.png"):
        results.read(Source(name, b"", None), Reply.of(SAMPLE))
    assert capfdbinary.readouterr().out == (
        b"==> a.png <==\n" + alone + b"\n==> b[2J.png <==\n" + alone
    )


def test_json_lines_are_pages_with_their_file(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Results("jsonl", many=False).read(Source("a.pdf", b"", None), Reply.of(SAMPLE))
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(line["file"], line["number"]) for line in lines] == [
        ("a.pdf", 1),
        ("a.pdf", 2),
        ("a.pdf", 3),
    ]


def test_a_result_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    source = Source("a", b"", tmp_path / "file" / "a.txt")
    with pytest.raises(StorageFull, match=r"a\.txt cannot be written: "):
        Results("text", many=False).read(source, Reply.of(SAMPLE))
