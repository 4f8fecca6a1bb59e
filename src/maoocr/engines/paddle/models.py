"""Which of PaddleOCR's models lie in MODEL_PATH, and what runs them.

A model is a folder below `<MODEL_PATH>/paddle` with the official name (or that and `_onnx`): an
`inference.yml`, and the network as `inference.onnx` or as Paddle's `inference.json` (`.pdmodel`)
with `inference.pdiparams`.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...errors import EngineUnavailable

__all__ = ["FOLDER", "PARTS", "ModelFolder", "ModelSet", "Runtime", "find_models"]

Runtime = Literal["onnxruntime", "paddle"]

PARTS: Mapping[str, tuple[str, ...]] = {
    "text_detection": (
        *("PP-OCRv6_medium_det", "PP-OCRv5_server_det", "PP-OCRv6_small_det"),
        *("PP-OCRv5_mobile_det", "PP-OCRv6_tiny_det"),
    ),
    "text_recognition": (
        *("PP-OCRv6_medium_rec", "PP-OCRv5_server_rec", "PP-OCRv6_small_rec"),
        *("PP-OCRv5_mobile_rec", "PP-OCRv6_tiny_rec"),
    ),
    "textline_orientation": ("PP-LCNet_x1_0_textline_ori", "PP-LCNet_x0_25_textline_ori"),
    "doc_orientation_classify": ("PP-LCNet_x1_0_doc_ori",),
    "doc_unwarping": ("UVDoc",),
    "layout_detection": ("PP-DocLayout_plus-L", "PP-DocLayout-L", "PP-DocLayout-M"),
    "region_detection": ("PP-DocBlockLayout",),
    "table_classification": ("PP-LCNet_x1_0_table_cls",),
    "wired_table_structure_recognition": ("SLANeXt_wired", "SLANet_plus", "SLANet"),
    "wireless_table_structure_recognition": ("SLANeXt_wireless", "SLANet_plus", "SLANet"),
    "wired_table_cells_detection": ("RT-DETR-L_wired_table_cell_det",),
    "wireless_table_cells_detection": ("RT-DETR-L_wireless_table_cell_det",),
    "formula_recognition": (
        *("PP-FormulaNet_plus-L", "PP-FormulaNet_plus-M", "PP-FormulaNet_plus-S"),
        *("PP-FormulaNet-L", "PP-FormulaNet-S"),
    ),
}
"""PaddleOCR's names of the parts, and for each the models that may play it, the best first."""
REQUIRED = ("text_detection", "text_recognition")
FOLDER = "paddle"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model on the disk."""

    name: str
    path: Path
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class ModelSet:
    """The models that work together.

    Attributes:
        parts: by PaddleOCR's name of the part; detection and recognition are always there.
        runtime: that runs all of them.
        digest: SHA-256 over their names and files, in hex.
    """

    parts: Mapping[str, ModelFolder]
    runtime: Runtime
    digest: str

    def arguments(self, *parts: str) -> dict[str, str]:
        """The names and folders of these parts, as arguments of a pipeline."""
        found = {part: self.parts[part] for part in parts if part in self.parts}
        named = {f"{part}_model_name": model.name for part, model in found.items()}
        return named | {f"{part}_model_dir": str(model.path) for part, model in found.items()}


def find_models(
    model_path: str | Path | None,
    *,
    runtime: str = "auto",
    wanted: Mapping[str, str] | None = None,
) -> ModelSet:
    """What there is for each part.

    Args:
        model_path: the models' folder.
        runtime: `onnxruntime`, `paddle`, or `auto` for the first of them that is installed and has
            a detector and a recognizer.
        wanted: by part the name of a model, `auto`, or nothing for none; `auto` when left out.

    Raises:
        EngineUnavailable: the detector, the recognizer or a model that was named is not there, or
            nothing is installed that runs them.
    """
    root = Path(model_path or "models") / FOLDER
    runtimes: tuple[Runtime, ...] = ("onnxruntime", "paddle")
    chosen = [name for name in runtimes if runtime in {"auto", name}]
    complaint = ""
    for name in chosen:
        if importlib.util.find_spec(name) is None:
            complaint = complaint or _not_installed(name)
            continue
        try:
            parts = _parts(root, name, wanted or {})
        except EngineUnavailable as error:
            complaint = complaint or error.message
            continue
        return ModelSet(parts, name, _digest(parts))
    raise EngineUnavailable(complaint or f"PaddleOCR has no runtime {runtime[:40]!r}.")


def _not_installed(runtime: Runtime) -> str:
    package = "paddlepaddle" if runtime == "paddle" else "onnxruntime"
    return (
        f"The engine paddle needs {package}, which is not installed;"
        " scripts/install --paddle installs onnxruntime, and --paddle-native paddlepaddle as well."
    )


def _parts(root: Path, runtime: Runtime, wanted: Mapping[str, str]) -> dict[str, ModelFolder]:
    parts = {}
    for part, known in PARTS.items():
        name = wanted.get(part, "auto")
        names = known if name == "auto" else (name,) if name else ()
        for model in names:
            if (found := _folder(root, model, runtime)) is not None:
                parts[part] = found
                break
        else:
            if part in REQUIRED or (names and name != "auto"):
                raise _missing(root, part, names, runtime)
    return parts


def _folder(root: Path, name: str, runtime: Runtime) -> ModelFolder | None:
    for path in (root / name, root / f"{name}_onnx"):
        has_onnx = (path / "inference.onnx").is_file()
        has_graph = any((path / f"inference.{end}").is_file() for end in ("json", "pdmodel"))
        is_whole = (
            has_onnx
            if runtime == "onnxruntime"
            else has_graph and (path / "inference.pdiparams").is_file()
        )
        if is_whole and (path / "inference.yml").is_file():
            return ModelFolder(name, path, runtime)
    return None


def _missing(root: Path, part: str, names: tuple[str, ...], runtime: Runtime) -> EngineUnavailable:
    network = "inference.onnx" if runtime == "onnxruntime" else "inference.json, .pdiparams"
    return EngineUnavailable(
        f"PaddleOCR's {part.replace('_', ' ')} model is not there: {root} has no folder"
        f" {' or '.join(names) or 'for it'} with inference.yml and {network}."
        " `maoocr models paddle` lays out the PP-OCR models that ship with the service."
    )


def _digest(parts: Mapping[str, ModelFolder]) -> str:
    digest = hashlib.sha256()
    for part in sorted(parts):
        digest.update(f"{part} {parts[part].name}\n".encode())
        for file in sorted(parts[part].path.glob("inference.*")):
            digest.update(file.name.encode())
            digest.update(_file_digest(file))
    return digest.hexdigest()


def _file_digest(file: Path) -> bytes:
    try:
        with file.open("rb") as data:
            return hashlib.file_digest(data, "sha256").digest()
    except OSError as error:
        raise EngineUnavailable(f"{file} cannot be read: {error.strerror}.") from error
