"""Which of PaddleOCR's models are taken from a folder."""

from pathlib import Path

import pytest

from maoocr.engines.paddle.languages import languages_of
from maoocr.engines.paddle.models import find_models
from maoocr.errors import EngineUnavailable

ONNX = ("inference.yml", "inference.onnx")
DET, REC = "PP-OCRv6_small_det", "PP-OCRv6_small_rec"


def put(root: Path, name: str, files: tuple[str, ...] = ONNX) -> Path:
    folder = root / "paddle" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (folder / file).write_text(f"{name} {file}")
    return folder


def test_the_best_model_of_each_part_is_taken(tmp_path: Path) -> None:
    for name in (DET, REC, "PP-OCRv6_medium_rec", "PP-OCRv6_tiny_det", "UVDoc"):
        put(tmp_path, name)
    found = find_models(tmp_path)
    assert found.runtime == "onnxruntime"
    assert {part: model.name for part, model in found.parts.items()} == {
        "text_detection": DET,
        "text_recognition": "PP-OCRv6_medium_rec",
        "doc_unwarping": "UVDoc",
    }


def test_folders_with_the_official_ending_are_found(tmp_path: Path) -> None:
    put(tmp_path, f"{DET}_onnx")
    put(tmp_path, REC)
    detector = find_models(tmp_path).parts["text_detection"]
    assert (detector.name, detector.path.name) == (DET, f"{DET}_onnx")


def test_a_part_may_be_named_or_left_out(tmp_path: Path) -> None:
    for name in (DET, REC, "korean_PP-OCRv5_mobile_rec", "UVDoc"):
        put(tmp_path, name)
    wanted = {"text_recognition": "korean_PP-OCRv5_mobile_rec", "doc_unwarping": ""}
    found = find_models(tmp_path, wanted=wanted)
    assert found.parts["text_recognition"].name == "korean_PP-OCRv5_mobile_rec"
    assert "doc_unwarping" not in found.parts


@pytest.mark.parametrize("missing", ONNX)
def test_half_a_model_is_none(tmp_path: Path, missing: str) -> None:
    put(tmp_path, DET)
    put(tmp_path, REC)
    (tmp_path / "paddle" / REC / missing).unlink()
    with pytest.raises(EngineUnavailable, match="text recognition model is not there"):
        find_models(tmp_path, runtime="onnxruntime")


def test_models_of_paddle_are_not_for_onnxruntime(tmp_path: Path) -> None:
    for name in (DET, REC):
        put(tmp_path, name, ("inference.yml", "inference.json", "inference.pdiparams"))
    with pytest.raises(EngineUnavailable, match=r"inference\.yml and inference\.onnx"):
        find_models(tmp_path, runtime="onnxruntime")


def test_the_digest_changes_with_any_file_and_with_nothing_else(tmp_path: Path) -> None:
    for name in (DET, REC):
        put(tmp_path, name)
    before = find_models(tmp_path).digest
    put(tmp_path, "read me", ("README.md",))
    assert find_models(tmp_path).digest == before
    (tmp_path / "paddle" / REC / "inference.yml").write_text("other")
    assert find_models(tmp_path).digest != before


@pytest.mark.parametrize(
    ("recognizer", "some", "not_one"),
    [
        ("PP-OCRv6_small_rec", {"zh", "en", "ja", "de"}, "ko"),
        ("PP-OCRv5_server_rec", {"zh", "en", "ja"}, "de"),
        ("korean_PP-OCRv5_mobile_rec", {"ko", "en"}, "zh"),
        ("arabic_PP-OCRv5_mobile_rec", {"ar", "fa"}, "ru"),
        ("eslav_PP-OCRv5_mobile_rec", {"ru", "uk"}, "ar"),
    ],
)
def test_a_recognizer_says_by_its_name_what_it_reads(
    recognizer: str, some: set[str], not_one: str
) -> None:
    assert some <= set(languages_of(recognizer))
    assert not_one not in languages_of(recognizer)
