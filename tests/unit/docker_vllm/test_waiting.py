"""The container waits for weights in plain words, and then becomes the server."""

import os
import signal
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from maoocr_vllm import __main__ as entry
from maoocr_vllm import health
from maoocr_vllm.wishes import Wishes, wishes_of
from tests.unit.docker_vllm.test_weights import safetensors

COMMAND = "`docker compose run --rm models maoocr models pull tiny`"


class Became(Exception):
    """Instead of the server that this process would become."""


@pytest.fixture
def wishes(tmp_path: Path) -> Wishes:
    return wishes_of({"MODEL_PATH": str(tmp_path), "VLLM_MODEL": "tiny"})


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("VLLM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MODEL_PATH", str(tmp_path))
    monkeypatch.setenv("VLLM_MODEL", "tiny")
    monkeypatch.setenv("VLLM_API_KEY", "sk-1")


def put(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(safetensors())


def test_what_is_missing_is_said_once_and_again_when_it_changes(
    wishes: Wishes, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = wishes.folder

    def steps() -> int:
        steps_done.append(len(steps_done))
        if len(steps_done) == 3:
            folder.mkdir(parents=True)
        if len(steps_done) == 5:
            put(folder)
        return 0

    steps_done = list[int]()
    assert entry.until_there(wishes, steps) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"There are no weights in {folder} yet. {COMMAND} brings them; vLLM starts as soon as they"
        " are whole.",
        f"There are no weights in {folder} yet: it has no config.json. {COMMAND} brings them; vLLM"
        " starts as soon as they are whole.",
    ]


def test_whoever_asks_for_the_end_while_it_waits_gets_it(wishes: Wishes) -> None:
    assert entry.until_there(wishes, lambda: signal.SIGTERM) == signal.SIGTERM


def test_a_signal_ends_the_pause() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        assert entry.pause() == signal.SIGTERM
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_folder_of_ones_own_is_not_to_be_pulled(tmp_path: Path) -> None:
    own = wishes_of({"MODEL_PATH": str(tmp_path), "VLLM_MODEL": "team/ours"})
    assert entry.advice(own) == "Put them there; vLLM starts as soon as they are whole."


@pytest.mark.usefixtures("environ")
def test_it_becomes_the_server_and_leaves_signals_to_it(
    wishes: Wishes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(wishes.folder)
    masks = []

    def become(file: str, words: list[str], environ: dict[str, str]) -> NoReturn:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        assert (file, words[:3]) == ("vllm", ["vllm", "serve", str(wishes.folder)])
        assert environ["VLLM_API_KEY"] == "sk-1"
        assert "VLLM_MODEL" not in environ
        raise Became

    monkeypatch.setattr(os, "execvpe", become)
    with pytest.raises(Became):
        entry.main()
    assert not {signal.SIGTERM, signal.SIGINT} & masks[0]
    said = capsys.readouterr().err
    assert said == f"vLLM serves {wishes.folder} as tiny (generic).\n"


@pytest.mark.usefixtures("environ")
def test_an_image_without_vllm_is_told(
    wishes: Wishes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(wishes.folder)
    monkeypatch.setenv("PATH", str(wishes.folder))
    assert entry.main() == entry.WRONG_SETTING
    assert "vLLM cannot be started: No such file or directory." in capsys.readouterr().err


@pytest.mark.usefixtures("environ")
def test_a_wrong_setting_ends_it_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TENSOR_PARALLEL_SIZE", "all")
    assert entry.main() == 78
    assert capsys.readouterr().err.startswith("TENSOR_PARALLEL_SIZE is 'all'")
    assert health.reason().startswith("TENSOR_PARALLEL_SIZE is 'all'")


@pytest.mark.usefixtures("environ")
def test_health_says_why_nobody_answers(wishes: Wishes) -> None:
    assert health.reason() == f"There are no weights in {wishes.folder} yet."
    put(wishes.folder)
    assert health.reason() == "vLLM does not answer: it loads the weights, or hangs."
