from pathlib import Path

import pytest

from maoocr.engines.ppocr import onnx_file
from maoocr.engines.ppocr.models import load_models
from maoocr.errors import EngineUnavailable


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(number: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def onnx_model(characters: str = "", opset: int = 13) -> bytes:
    """A model of one Identity node with one output, and a character set beside it."""
    node = message(1, message(1, b"x"), message(2, b"y"), message(4, b"Identity"))
    kind = message(2, message(1, b"\x08\x01"))
    graph = message(
        7, node, message(11, message(1, b"x"), kind), message(12, message(1, b"y"), kind)
    )
    entry = message(14, message(1, b"character"), message(2, characters.encode()))
    return (
        b"\x08\x08" + message(8, b"\x10" + varint(opset)) + graph + (entry if characters else b"")
    )


def tier_of(root: Path, tier: str, rec: bytes) -> Path:
    folder = root / "ppocr" / tier
    folder.mkdir(parents=True)
    (folder / "det.onnx").write_bytes(onnx_model())
    (folder / "rec.onnx").write_bytes(rec)
    return folder


def test_the_bundled_tier_is_there_without_any_folder() -> None:
    models = load_models("small", None)
    assert models.charset[0] == ""
    assert models.charset[-1] == " "
    assert {"A", "z", "0", "中", "é", "か"} <= set(models.charset)
    assert load_models("small", "/nonexistent").digest == models.digest


def test_a_tier_in_the_folder_goes_before_the_bundled_one(tmp_path: Path) -> None:
    tier_of(tmp_path, "small", onnx_model("a\nb\nc"))
    models = load_models("small", tmp_path)
    assert models.charset == ("", "a", "b", "c", " ")
    assert models.digest != load_models("small", None).digest


def test_characters_may_stand_in_a_file_beside_the_model(tmp_path: Path) -> None:
    folder = tier_of(tmp_path, "tiny", onnx_model())
    (folder / "rec.txt").write_text("x\ny\n", encoding="utf-8")
    assert load_models("tiny", tmp_path).charset == ("", "x", "y", " ")


def test_the_digest_changes_with_the_character_set(tmp_path: Path) -> None:
    folder = tier_of(tmp_path, "tiny", onnx_model())
    (folder / "rec.txt").write_text("x\ny\n", encoding="utf-8")
    before = load_models("tiny", tmp_path).digest
    (folder / "rec.txt").write_text("x\nz\n", encoding="utf-8")
    assert load_models("tiny", tmp_path).digest != before


@pytest.mark.parametrize(
    ("tier", "message"),
    [("server", "maoocr models pull ppocr-server"), ("../small", "tiny, small, medium, server")],
)
def test_a_missing_tier_says_how_to_get_it(tmp_path: Path, tier: str, message: str) -> None:
    with pytest.raises(EngineUnavailable, match=message):
        load_models(tier, tmp_path)


@pytest.mark.parametrize("rec", [b"", b"not a model", onnx_model("a\nb")[:-2], onnx_model()])
def test_files_that_are_no_models_are_refused_by_name(tmp_path: Path, rec: bytes) -> None:
    tier_of(tmp_path, "tiny", rec)
    with pytest.raises(EngineUnavailable, match=r"tier tiny in .*ppocr/tiny"):
        load_models("tiny", tmp_path)


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
def test_the_best_class_and_its_probability_are_added_to_the_outputs(opset: int) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    import numpy as np

    session = onnxruntime.InferenceSession(
        onnx_file.with_best_class(onnx_model(opset=opset)), providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(0).random((2, 5, 7), np.float32)
    names = ["y", onnx_file.BEST_CLASS, onnx_file.BEST_PROBABILITY]
    y, classes, best = session.run(names, {"x": x})
    assert (y == x).all()
    assert (classes == x.argmax(-1)).all()
    assert (best == x.max(-1)).all()


@pytest.mark.parametrize("model", [b"", onnx_model(opset=9), onnx_model()[:20]])
def test_a_best_class_needs_a_model_with_one_output(model: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        onnx_file.with_best_class(model)


def test_metadata_is_read_without_the_graph() -> None:
    assert onnx_file.read_metadata(onnx_model("甲\n乙")) == {"character": "甲\n乙"}
    assert onnx_file.read_metadata(onnx_model()) == {}
