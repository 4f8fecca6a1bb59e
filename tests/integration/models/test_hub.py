"""Weights from a model hub on this machine: whole, resumed, refused, and never half."""

import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_socket import socket_allow_hosts

from maoocr.engines.download_source import Patience
from maoocr.engines.hub import Hub
from maoocr.engines.hub_folder import LOCK_NAME, being_pulled, being_used
from maoocr.engines.hub_models import HubWeights, Pulled
from maoocr.errors import Conflict, ModelUnavailable, StorageFull
from tests.fakes.hub_server import COMMIT, FakeHub, hub_server

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]

WEIGHTS = os.urandom(900_000)
FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "tokenizer/vocab.txt": b"a\nb\n",
    "model-00001-of-00002.safetensors": WEIGHTS,
    "model-00002-of-00002.safetensors": WEIGHTS[::-1],
    "empty.json": b"",
    ".gitattributes": b"*.safetensors filter=lfs",
    "README.md": b"read me",
    "pytorch_model.bin": b"a pickle",
}
NEEDED = [
    path for path in FILES if path not in {".gitattributes", "README.md", "pytorch_model.bin"}
]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    with hub_server(FakeHub(files=dict(FILES))) as hub:
        yield hub


@pytest.fixture
def weights(tmp_path: Path) -> HubWeights:
    return HubWeights("owner/model", "main", tmp_path / "vlm" / "tiny", {})


def pull(hub: FakeHub, weights: HubWeights, token: str = "", **options: Any) -> Pulled:
    asked = Hub(hub.url, token, Patience(silence_s=5.0))
    return weights.pull(asked, pause_s=0.0, **options)


def names(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(folder)) for path in found)


def is_whole(weights: HubWeights) -> bool:
    return all((weights.folder / path).read_bytes() == FILES[path] for path in NEEDED)


def test_what_a_server_needs_is_fetched_and_can_be_checked(
    hub: FakeHub, weights: HubWeights
) -> None:
    assert weights.state() == "absent"
    pulled = pull(hub, weights)
    assert (pulled.commit, len(pulled.fetched)) == (COMMIT, len(NEEDED))
    assert is_whole(weights)
    assert weights.state() == "ready"
    assert set(weights.verify().values()) == {"ready"}
    assert names(weights.folder) == sorted([*NEEDED, LOCK_NAME, ".maoocr-pull", ".maoocr-use"])
    assert (weights.folder / "config.json").stat().st_mode & 0o777 == 0o644
    assert pull(hub, weights).fetched == ()


def test_a_list_on_several_pages_is_followed(hub: FakeHub, weights: HubWeights) -> None:
    hub.per_list = 2
    assert len(pull(hub, weights).fetched) == len(NEEDED)


def test_a_cut_connection_is_gone_on_with(hub: FakeHub, weights: HubWeights) -> None:
    name = "model-00001-of-00002.safetensors"
    hub.cuts[name], hub.failures[name] = 2, 1
    pull(hub, weights)
    assert is_whole(weights)
    assert [asked for asked in hub.ranges(name) if asked] == ["bytes=450000-", "bytes=675000-"]


def test_a_server_without_ranges_is_asked_for_all_of_it_again(
    hub: FakeHub, weights: HubWeights
) -> None:
    hub.cuts["model-00001-of-00002.safetensors"], hub.no_ranges = 1, True
    pull(hub, weights)
    assert is_whole(weights)


def test_what_an_ended_pull_left_is_gone_on_with(hub: FakeHub, weights: HubWeights) -> None:
    name = "model-00002-of-00002.safetensors"
    hub.cuts[name], hub.dies = 1, True
    with pytest.raises(ModelUnavailable, match=r"broke off 5 times in a row.*pull again to go on"):
        pull(hub, weights)
    hub.failures.clear()
    hub.seen.clear()
    pull(hub, weights)
    assert is_whole(weights)
    assert hub.ranges(name) == ["bytes=450000-"]
    assert not any("/api/" in path for path, _, _ in hub.seen)


def test_a_wrong_file_is_not_kept(hub: FakeHub, weights: HubWeights) -> None:
    name = "model-00001-of-00002.safetensors"
    hub.wrong.add(name)
    with pytest.raises(ModelUnavailable, match=r"not the file that the hub lists: its hash is"):
        pull(hub, weights)
    assert name not in names(weights.folder)
    assert weights.state() == "partial"
    hub.wrong.clear()
    pull(hub, weights)
    assert is_whole(weights)


def test_a_small_file_that_is_wrong_is_found_too(hub: FakeHub, weights: HubWeights) -> None:
    hub.wrong.add("config.json")
    with pytest.raises(ModelUnavailable, match="not the file that the hub lists"):
        pull(hub, weights)


def test_a_damaged_part_is_fetched_anew(hub: FakeHub, weights: HubWeights) -> None:
    name = "model-00001-of-00002.safetensors"
    sha256 = hashlib.sha256(FILES[name]).hexdigest()
    weights.folder.mkdir(parents=True)
    (weights.folder / f".{name}.{sha256[:16]}.part").write_bytes(b"x" * 500_000)
    pull(hub, weights)
    assert is_whole(weights)
    assert hub.ranges(name) == ["bytes=500000-", ""]


def test_damage_is_found_and_repaired(hub: FakeHub, weights: HubWeights) -> None:
    pull(hub, weights)
    path = weights.folder / "model-00001-of-00002.safetensors"
    path.write_bytes(bytes(len(WEIGHTS)))
    assert weights.state() == "ready"
    states = {file.path: state for file, state in weights.verify().items()}
    assert states[path.name] == "corrupt"
    assert [file.path for file in pull(hub, weights).fetched] == [path.name]
    assert is_whole(weights)


def test_a_gated_model_wants_a_token_and_no_other_host_hears_it(
    hub: FakeHub, weights: HubWeights
) -> None:
    hub.token = "hf_secret"
    with pytest.raises(ModelUnavailable, match=r"is gated: accept its conditions at .*HF_TOKEN"):
        pull(hub, weights)
    with pytest.raises(ModelUnavailable, match=r"the token of HF_TOKEN may not read it"):
        pull(hub, weights, "hf_another")
    pull(hub, weights, "hf_secret")
    heard = {authorization for path, _, authorization in hub.seen if path.startswith("/cdn/")}
    assert heard == {""}


def test_unknown_names_are_told(hub: FakeHub, tmp_path: Path, weights: HubWeights) -> None:
    with pytest.raises(ModelUnavailable, match=r"has no revision or file 'v9'"):
        pull(hub, weights, revision="v9")
    with pytest.raises(ModelUnavailable, match=r"gives no owner/none: there is none of that name"):
        pull(hub, HubWeights("owner/none", "main", tmp_path / "x", {}))


def test_a_server_that_is_no_hub_is_told(tmp_path: Path, hub: FakeHub) -> None:
    hub.commits["main"] = "not-a-commit"
    with pytest.raises(ModelUnavailable, match="names no commit"):
        pull(hub, HubWeights("owner/model", "main", tmp_path / "x", {}))


@pytest.mark.parametrize("path", ["../x.safetensors", "/etc/x", "a\\b", "a/../../x"])
def test_a_path_that_leads_out_is_refused(hub: FakeHub, weights: HubWeights, path: str) -> None:
    hub.files[path] = b"x"
    with pytest.raises(ModelUnavailable, match="refused"):
        pull(hub, weights)
    assert names(weights.folder) == [".maoocr-pull"]


def test_the_commit_stays_until_another_is_asked_for(hub: FakeHub, weights: HubWeights) -> None:
    pull(hub, weights)
    hub.files["new.json"] = b"{}"
    del hub.files["empty.json"]
    assert pull(hub, weights).fetched == ()
    assert [file.path for file in pull(hub, weights, revision="main").fetched] == ["new.json"]
    assert "empty.json" not in names(weights.folder)


def test_a_hash_of_the_manifest_goes_before_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    told = {"model-00001-of-00002.safetensors": "0" * 64}
    with pytest.raises(ModelUnavailable, match="not the file that the manifest names"):
        pull(hub, HubWeights("owner/model", "main", tmp_path / "x", told))


def test_no_room_is_told_before_the_download(
    hub: FakeHub, weights: HubWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(weights.folder.parents[1])._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(StorageFull, match=r"1\.8 MB are needed"):
        pull(hub, weights)
    assert hub.ranges("model-00001-of-00002.safetensors") == []


def test_pulls_at_the_same_time_fetch_each_file_once(hub: FakeHub, weights: HubWeights) -> None:
    hub.hold = threading.Event()
    waits = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pull, hub, weights)
        assert hub.begun.wait(10)
        second = threads.submit(pull, hub, weights, on_wait=waits.set)
        assert waits.wait(10)
        hub.hold.set()
        assert len(first.result().fetched) == len(NEEDED)
        assert second.result().fetched == ()
    assert len(hub.ranges("model-00001-of-00002.safetensors")) == 1


def test_a_process_that_holds_the_folder_and_does_nothing_is_not_waited_for(
    tmp_path: Path,
) -> None:
    with (
        being_pulled(tmp_path, lambda: None),
        pytest.raises(ModelUnavailable, match=r"nothing has come for 10 minutes: end it"),
        being_pulled(tmp_path, lambda: None, clock=lambda: 1e12),
    ):
        raise AssertionError("two have the folder")


def test_weights_in_use_stay(hub: FakeHub, weights: HubWeights) -> None:
    pull(hub, weights)
    with being_used(weights.folder), pytest.raises(Conflict, match="A running server uses"):
        weights.remove()
    assert is_whole(weights)
    assert weights.remove() >= 2 * len(WEIGHTS)
    assert not weights.folder.exists()
    assert weights.remove() == 0


def test_files_of_others_stay_when_weights_are_removed(hub: FakeHub, weights: HubWeights) -> None:
    pull(hub, weights)
    (weights.folder / "notes.txt").write_text("mine")
    weights.remove()
    assert names(weights.folder) == ["notes.txt"]


def test_weights_that_nobody_pulled_are_told_as_such(weights: HubWeights) -> None:
    weights.folder.mkdir(parents=True)
    (weights.folder / "model.safetensors").write_bytes(b"x")
    assert weights.state() == "foreign"
    with pytest.raises(ModelUnavailable, match="has no lock file"):
        weights.verify()


def command(hub: FakeHub, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    manifest = root / "list.yaml"
    entry = {
        "title": "Tiny", "family": "generic", "licence": "MIT", "homepage": "https://host.test",
        "repository": "owner/model",
    }  # fmt: skip
    manifest.write_text(yaml.safe_dump({"models": {"tiny": entry}}))
    script = [sys.executable, "-m", "maoocr.cli", "models", *words, "--manifest", str(manifest)]
    env = os.environ | {"MAOOCR_MODELS__HUB_URL": hub.url, "MODEL_PATH": str(root / "models")}
    return subprocess.run(script, env=env, cwd=root, capture_output=True, text=True, timeout=60)


def test_the_command_line_pulls_lists_verifies_and_removes(hub: FakeHub, tmp_path: Path) -> None:
    assert "absent" in command(hub, tmp_path, "list").stdout
    pulled = command(hub, tmp_path, "pull", "--all")
    assert f"tiny: 5 files fetched at commit {COMMIT}." in pulled.stderr
    assert command(hub, tmp_path, "pull", "tiny").stderr.startswith("tiny: all is there")
    assert "ready" in command(hub, tmp_path, "list").stdout
    assert command(hub, tmp_path, "verify").stdout.count("ready") == len(NEEDED)
    lock = json.loads((tmp_path / "models/vlm/tiny" / LOCK_NAME).read_text())
    assert lock["commit"] == COMMIT
    asked = command(hub, tmp_path, "remove", "tiny")
    assert asked.returncode == 1
    assert "Delete tiny from" in asked.stderr
    assert "1.8 MB freed" in command(hub, tmp_path, "remove", "tiny", "--yes").stderr


def test_a_revision_that_is_not_there_is_a_sentence(hub: FakeHub, tmp_path: Path) -> None:
    failed = command(hub, tmp_path, "pull", "tiny", "--revision", "v9")
    assert failed.returncode == 1
    assert failed.stderr.startswith("maoocr: owner/model has no revision or file 'v9'")


def _hold(folder: str, is_held: Any) -> None:
    with being_pulled(Path(folder), lambda: None):
        is_held.set()
        os._exit(9)


def test_the_end_of_a_process_frees_its_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    is_held = context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), is_held))
    process.start()
    assert is_held.wait(30)
    process.join(30)
    with being_pulled(tmp_path, lambda: None):
        pass
