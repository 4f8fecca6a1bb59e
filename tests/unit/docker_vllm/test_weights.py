"""vLLM is not started before the weights lie whole in their folder."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from maoocr.engines import hub_folder
from maoocr.engines.hub import HubFile
from maoocr.engines.hub_folder import Lock, being_pulled, not_being_used, write_lock
from maoocr.errors import Conflict
from maoocr_vllm.weights import LOCK_NAME, PULL_NAME, USE_NAME, lack_of, mark_as_used


def safetensors(data_bytes: int = 40, **wrong: Any) -> bytes:
    header = {"__metadata__": {}, "w": {"dtype": "U8", "data_offsets": [0, data_bytes], **wrong}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data_bytes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Weights that somebody put there by hand."""
    found = tmp_path / "model"
    found.mkdir()
    (found / "config.json").write_text("{}")
    (found / "model.safetensors").write_bytes(safetensors())
    return found


@pytest.fixture
def pulled(folder: Path) -> Path:
    """Weights that `maoocr models pull` brought."""
    files = [
        HubFile(path=path.name, size_bytes=path.stat().st_size, git_sha1="0" * 40)
        for path in folder.iterdir()
    ]
    write_lock(folder, Lock("owner/model", "main", "a" * 40, tuple(files)))
    return folder


def test_the_names_of_the_files_beside_them_are_the_gateways() -> None:
    named = (hub_folder.LOCK_NAME, hub_folder.PULL_NAME, hub_folder.USE_NAME)
    assert named == (LOCK_NAME, PULL_NAME, USE_NAME)


def test_whole_weights_lack_nothing(folder: Path) -> None:
    assert lack_of(folder) == ""


def test_what_was_pulled_whole_lacks_nothing(pulled: Path) -> None:
    assert lack_of(pulled) == ""


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert lack_of(tmp_path / "x") == f"There are no weights in {tmp_path / 'x'} yet."


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_of_ones_own_that_is_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert lack_of(folder).startswith("There are no weights in")
    assert Path(name).suffix[1:] in lack_of(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_was_pulled_and_is_missing(pulled: Path, name: str) -> None:
    (pulled / name).unlink()
    assert lack_of(pulled) == f"{pulled / name} is missing."


def test_a_file_that_was_pulled_and_has_another_size(pulled: Path) -> None:
    (pulled / "config.json").write_text("{ }")
    assert lack_of(pulled) == f"{pulled / 'config.json'} has 3 of 2 bytes."


def test_a_pull_that_is_under_way_is_waited_for(pulled: Path) -> None:
    with being_pulled(pulled, lambda: None):
        assert lack_of(pulled) == f"The weights in {pulled} are being fetched."
    assert lack_of(pulled) == ""


def test_looking_does_not_keep_others_from_pulling(pulled: Path) -> None:
    (pulled / PULL_NAME).touch()
    assert lack_of(pulled) == ""
    with being_pulled(pulled, pytest.fail):
        pass


@pytest.mark.parametrize("cut", [1, 39, 41, 100])
def test_half_a_file_is_known_by_its_header(folder: Path, cut: int) -> None:
    whole = safetensors()
    (folder / "model.safetensors").write_bytes(whole[:-cut])
    assert f"model.safetensors has {len(whole) - cut} of " in lack_of(folder)


@pytest.mark.parametrize(
    "content", [b"", b"12345678", b"\xff" * 8, (2).to_bytes(8, "little") + b"[]"]
)
def test_a_file_that_is_no_safetensors(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert "model.safetensors" in lack_of(folder)


def test_offsets_that_are_none(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(safetensors(data_offsets=[]))
    assert lack_of(folder) == f"{folder / 'model.safetensors'} is damaged."


def test_every_file_of_an_index_has_to_be_there(folder: Path) -> None:
    index = {"weight_map": {"w": "model-1.safetensors", "v": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-1.safetensors").write_bytes(safetensors())
    assert lack_of(folder) == f"{folder / 'model-2.safetensors'} is missing."
    (folder / "model-2.safetensors").write_bytes(safetensors())
    assert lack_of(folder) == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": [1]}'])
def test_a_damaged_index(folder: Path, text: str) -> None:
    index = folder / "model.safetensors.index.json"
    index.write_text(text)
    assert lack_of(folder) == f"{index} is damaged."


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": [{"path": "x"}]}', '{"files": 3}'])
def test_a_damaged_lock_file(folder: Path, text: str) -> None:
    (folder / LOCK_NAME).write_text(text)
    assert lack_of(folder) == f"{folder / LOCK_NAME} is damaged."


def test_a_configuration_that_is_none(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert lack_of(folder) == f"{folder / 'config.json'} is damaged."


def test_what_cannot_be_read_is_told(folder: Path) -> None:
    """A loop of links is one even for root."""
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("config.json")
    told = lack_of(folder)
    assert told.startswith(f"{folder / 'config.json'} cannot be read by user {os.getuid()}: ")


def test_weights_that_are_used_are_not_removed(folder: Path) -> None:
    (folder / USE_NAME).touch()
    with not_being_used(folder):
        pass
    mark_as_used(folder)
    links = {int(link.name): link for link in Path("/proc/self/fd").iterdir()}
    (handle,) = [
        number
        for number, link in links.items()
        if link.is_symlink() and link.readlink() == folder / USE_NAME
    ]
    assert os.get_inheritable(handle)
    with pytest.raises(Conflict), not_being_used(folder):
        pass
    os.close(handle)


def test_where_nothing_can_be_marked_nothing_is(folder: Path) -> None:
    mark_as_used(folder)
    assert not (folder / USE_NAME).exists()
