"""Where the models of a tier lie, and what they are."""

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import EngineUnavailable
from . import onnx_file

__all__ = ["BUNDLED_TIER", "TIERS", "ModelSet", "load_models"]

TIERS = ("tiny", "small", "medium", "server")
BUNDLED_TIER = "small"

_BUNDLED_FILES = {"det": "PP-OCRv6_det_small.onnx", "rec": "PP-OCRv6_rec_small.onnx"}


@dataclass(frozen=True, slots=True)
class ModelSet:
    """The models of one tier, in memory.

    Attributes:
        det: ONNX bytes of the detector.
        rec: ONNX bytes of the recognizer.
        charset: what each class of the recognizer stands for; class 0 is CTC's blank.
        digest: SHA-256 over the files and the character set, in hex.
    """

    det: bytes
    rec: bytes
    charset: tuple[str, ...]
    digest: str


def load_models(tier: str, model_path: str | Path | None) -> ModelSet:
    """Read the models of a tier: from `<model_path>/ppocr/<tier>`, else those in rapidocr's wheel.

    Raises:
        EngineUnavailable: the tier is unknown, not there, or its files are no models.
    """
    if tier not in TIERS:
        raise EngineUnavailable(
            f"PP-OCR has no tier {tier[:40]!r}; the tiers are {', '.join(TIERS)}."
        )
    files = _files_of(tier, Path(model_path) if model_path else None)
    try:
        det, rec = files["det"].read_bytes(), files["rec"].read_bytes()
        charset = _charset(rec, files["rec"].with_suffix(".txt"))
        digest = hashlib.sha256()
        for part in (det, rec, "\n".join(charset).encode()):
            digest.update(hashlib.sha256(part).digest())
        return ModelSet(det, rec, charset, digest.hexdigest())
    except (OSError, ValueError) as error:
        raise EngineUnavailable(
            f"The PP-OCR models of tier {tier} in {files['det'].parent} cannot be read: {error}."
        ) from error


def _files_of(tier: str, model_path: Path | None) -> dict[str, Path]:
    if model_path is not None:
        folder = model_path / "ppocr" / tier
        files = {part: folder / f"{part}.onnx" for part in _BUNDLED_FILES}
        if all(file.is_file() for file in files.values()):
            return files
    if tier == BUNDLED_TIER:
        package = importlib.util.find_spec("rapidocr")
        for root in (package.submodule_search_locations or ()) if package else ():
            files = {part: Path(root, "models", name) for part, name in _BUNDLED_FILES.items()}
            if all(file.is_file() for file in files.values()):
                return files
    raise EngineUnavailable(
        f"The PP-OCR models of tier {tier} are not there;"
        f" `maoocr models pull ppocr-{tier}` fetches them into MODEL_PATH."
    )


def _charset(rec: bytes, beside: Path) -> tuple[str, ...]:
    written = onnx_file.read_metadata(rec).get("character", "")
    if not written and beside.is_file():
        written = beside.read_text(encoding="utf-8")
    characters: Sequence[str] = [line.rstrip("\r") for line in written.rstrip("\n").split("\n")]
    if len(characters) < 2:
        raise ValueError("the recognizer says nothing of its characters and has no rec.txt beside")
    return ("", *characters, " ")
