import hashlib
import os
from pathlib import Path

import pytest
import yaml

from maoocr.engines import presence
from maoocr.engines.download_source import require_safe_url
from maoocr.engines.manifest import (
    HubModel,
    Manifest,
    Model,
    ModelFile,
    default_manifest_path,
    load_manifest,
)
from maoocr.engines.models import pull, remove, state_of, verify
from maoocr.engines.presence import absence_of, absence_of_weights, weights_named
from maoocr.errors import InvalidRequest, ModelUnavailable, NotFound
from maoocr.settings import PpocrSettings, Settings
from maoocr.vllm.families import FAMILIES, family_of

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def model_of(*paths: str, bundled: bool = False, size_bytes: int | None = len(CONTENT)) -> Model:
    files = tuple(
        ModelFile(path=path, url="https://host.test/x", sha256=SHA256, size_bytes=size_bytes)
        for path in paths
    )
    return Model(title="t", licence="MIT", homepage="h", bundled=bundled, files=files)


def put(root: Path, path: str, content: bytes = CONTENT) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


def test_the_manifest_of_the_package_is_valid() -> None:
    files = {n: m for n, m in load_manifest().models.items() if isinstance(m, Model)}
    assert list(files) == ["ppocr-tiny", "ppocr-small", "ppocr-medium", "ppocr-server"]
    for name, model in files.items():
        tier = name.removeprefix("ppocr-")
        assert [file.path for file in model.files] == [
            f"ppocr/{tier}/det.onnx",
            f"ppocr/{tier}/rec.onnx",
        ]
        assert all(file.url.startswith("https://") for file in model.files)
    assert [name for name, model in files.items() if model.bundled] == ["ppocr-small"]


def test_every_family_has_weights_that_can_be_pulled() -> None:
    models = load_manifest().models
    told = {name: model for name, model in models.items() if isinstance(model, HubModel)}
    assert {model.family for model in told.values()} == {
        family.name for family in FAMILIES if family.name != "generic"
    }
    for name, model in told.items():
        assert family_of(model.repository).name == model.family
        assert family_of(name).name == model.family
        assert model.homepage == f"https://huggingface.co/{model.repository}"


def test_the_bundled_model_is_the_one_that_the_manifest_names() -> None:
    import rapidocr

    folder = Path(rapidocr.__file__).parent / "models"
    small = load_manifest().find("ppocr-small")
    assert isinstance(small, Model)
    for file in small.files:
        part = Path(file.path).stem
        [found] = folder.glob(f"PP-OCRv6_{part}_small.onnx")
        assert found.stat().st_size == file.size_bytes
        assert hashlib.sha256(found.read_bytes()).hexdigest() == file.sha256


def test_an_unknown_model_is_told_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="There are ppocr-tiny, ppocr-small"):
        load_manifest().find("ppocr-huge")


@pytest.mark.parametrize(
    "path",
    ["../x", "/etc/passwd", "a/../../x", "a/./b", "a//b", "", ".", "..", "a\\b", "a\x00b", "a/"],
)
def test_a_path_that_could_leave_the_folder_is_no_manifest(path: str) -> None:
    with pytest.raises(ValueError, match="plain relative path"):
        ModelFile(path=path, url="https://host.test/x", sha256=SHA256)


@pytest.mark.parametrize(
    "url",
    [
        "http://host.test/x",
        "http://127.0.0.1.host.test/x",
        "http://10.0.0.1/x",
        "file:///etc/passwd",
        "ftp://host.test/x",
        "data:,x",
        "https://",
        "https://host:port/x",
        "https://[::1/x",
        "x",
        "",
    ],
)
def test_only_https_is_taken(url: str) -> None:
    with pytest.raises(ModelUnavailable, match=r"only https|not a valid address"):
        require_safe_url(url)
    with pytest.raises(ValueError, match=r"only https|not a valid address"):
        ModelFile(path="x", url=url, sha256=SHA256)


@pytest.mark.parametrize(
    "url", ["https://host.test/x", "http://127.0.0.1:8/x", "http://[::1]/x", "http://localhost/x"]
)
def test_http_is_taken_on_this_machine(url: str) -> None:
    require_safe_url(url)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    root = tmp_path / "models"
    root.mkdir()
    (root / "ppocr").symlink_to(outside)
    for act in (state_of, verify, pull, remove):
        with pytest.raises(ModelUnavailable, match="through a link"):
            act(model_of("ppocr/det.onnx"), root)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("models: [", "is no valid YAML"),
        ("models: {a: {}}", "models.a.title"),
        ("[]", "manifest: Input should be"),
        ("models: {a: 1}", "models.a"),
    ],
)
def test_a_wrong_manifest_is_told_by_its_entry(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(content)
    with pytest.raises(InvalidRequest, match=message):
        load_manifest(file)


def test_a_manifest_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read: No such file"):
        load_manifest(tmp_path / "no.yaml")


def test_two_files_cannot_lie_at_one_path() -> None:
    with pytest.raises(ValueError, match="two files are to lie at a"):
        Manifest(models={"one": model_of("a"), "two": model_of("a")})


def test_unknown_keys_are_refused() -> None:
    entry = yaml.safe_load(default_manifest_path().read_text())
    entry["models"]["ppocr-tiny"]["files"][0]["sha1"] = "x"
    with pytest.raises(ValueError, match="sha1"):
        Manifest.model_validate(entry)


def test_states_follow_what_lies_on_the_disk(tmp_path: Path) -> None:
    model = model_of("m/a", "m/b")
    assert state_of(model, tmp_path) == "absent"
    assert state_of(model_of("m/a", bundled=True), tmp_path) == "bundled"
    put(tmp_path, "m/a")
    assert state_of(model, tmp_path) == "partial"
    put(tmp_path, "m/b")
    assert state_of(model, tmp_path) == "ready"
    put(tmp_path, "m/b", b"short")
    assert state_of(model, tmp_path) == "corrupt"


def test_verify_finds_what_a_size_cannot_tell(tmp_path: Path) -> None:
    model = model_of("m/a", "m/b", "m/c")
    put(tmp_path, "m/a")
    put(tmp_path, "m/b", CONTENT.upper())
    assert [*verify(model, tmp_path).values()] == ["ready", "corrupt", "absent"]


def test_nothing_is_fetched_when_all_is_there(tmp_path: Path) -> None:
    put(tmp_path, "m/a")
    assert pull(model_of("m/a"), tmp_path) == []


def test_remove_deletes_the_files_and_the_folders_left_empty(tmp_path: Path) -> None:
    put(tmp_path, "m/tiny/a")
    put(tmp_path, "m/other/b")
    model = model_of("m/tiny/a", "m/tiny/never-there")
    assert remove(model, tmp_path) == len(CONTENT)
    assert not (tmp_path / "m/tiny").exists()
    assert (tmp_path / "m/other/b").exists()
    assert remove(model, tmp_path) == 0


def test_leftovers_of_a_killed_pull_are_swept_and_those_of_a_living_one_are_not(
    tmp_path: Path,
) -> None:
    put(tmp_path, "m/a")
    put(tmp_path, "m/.a.old.part")
    put(tmp_path, "m/.a.new.part")
    os.utime(tmp_path / "m/.a.old.part", (0, 0))
    pull(model_of("m/a"), tmp_path)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [".a.new.part", "a"]


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("PaddleOCR-VL-1.6-0.9B", "paddleocr-vl-1.6"),
        ("PaddlePaddle/PaddleOCR-VL", "paddleocr-vl"),
        ("/models/vlm/qwen3-vl-8b/", "qwen3-vl-8b"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl-7b"),
        ("deepseek-ai/DeepSeek-OCR-2", "deepseek-ocr-2"),
        ("gpt-4o", None),
    ],
)
def test_a_servers_name_of_its_model_tells_the_entry(model: str, entry: str | None) -> None:
    assert weights_named(model, load_manifest()) == entry


def test_what_is_missing_comes_with_the_command_that_brings_it(tmp_path: Path) -> None:
    manifest = load_manifest()
    settings = Settings(_env_file=None, model_path=tmp_path, ppocr=PpocrSettings(tier="medium"))
    absence = absence_of("ppocr", settings, manifest)
    assert absence is not None
    assert absence.command == "maoocr models pull ppocr-medium"
    assert absence_of("ppocr", Settings(_env_file=None, model_path=tmp_path), manifest) is None
    assert absence_of("fake", settings, manifest) is None
    weights = absence_of_weights("zai-org/GLM-OCR", settings, manifest)
    assert weights is not None
    assert weights.command == "maoocr models pull glm-ocr"
    put(tmp_path, "vlm/glm-ocr/model.safetensors")
    assert absence_of_weights("zai-org/GLM-OCR", settings, manifest) is None


def test_paddle_is_absent_while_it_has_no_models_at_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With some, and no detector among them, its lanes say what they looked for."""
    monkeypatch.setattr(presence, "find_spec", lambda name: name)
    settings = Settings(_env_file=None, model_path=tmp_path)
    for _ in range(2):
        absence = absence_of("paddle", settings, load_manifest())
        assert absence is not None
        assert absence.command == "maoocr models paddle"
        assert str(tmp_path / "paddle") in absence.reason
        (tmp_path / "paddle").mkdir(exist_ok=True)
    put(tmp_path, "paddle/UVDoc/inference.yml")
    assert absence_of("paddle", settings, load_manifest()) is None
