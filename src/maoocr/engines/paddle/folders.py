"""The PP-OCR models that the service has already, laid out as PaddleOCR wants its own."""

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...errors import ModelUnavailable, StorageFull
from ..ppocr.models import load_models
from .models import FOLDER

__all__ = ["lay_out"]

NAMES = {
    "tiny": ("PP-OCRv6_tiny_det", "PP-OCRv6_tiny_rec"),
    "small": ("PP-OCRv6_small_det", "PP-OCRv6_small_rec"),
    "medium": ("PP-OCRv6_medium_det", "PP-OCRv6_medium_rec"),
    "server": ("PP-OCRv5_server_det", "PP-OCRv5_server_rec"),
}
"""Of the detector and the recognizer, by tier."""


def lay_out(tier: str, model_path: Path) -> tuple[Path, ...]:
    """Write `<model_path>/paddle/<model>/inference.{onnx,yml}` for the models of a tier.

    Returns:
        The folders, which PaddleOCR takes with its ONNX Runtime.

    Raises:
        EngineUnavailable: the tier's models are not there.
        ModelUnavailable: the folders cannot be written.
        StorageFull: there is no room.
    """
    models = load_models(tier, model_path)
    networks = (models.det, models.rec)
    configs = (_detection, _recognition)
    folders = []
    for name, network, config in zip(NAMES[tier], networks, configs, strict=True):
        folder = model_path / FOLDER / name
        described = config(name, models.charset)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / "inference.onnx", network)
            _write(folder / "inference.yml", yaml.safe_dump(described, allow_unicode=True).encode())
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull(f"There is no room for {folder}.") from error
            raise ModelUnavailable(f"{folder} cannot be written: {error.strerror}.") from error
        folders.append(folder)
    return tuple(folders)


def _write(target: Path, data: bytes) -> None:
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(data)
    part.replace(target)


def _detection(name: str, charset: Sequence[str]) -> Mapping[str, Any]:
    normalize = {
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "scale": "1./255.",
        "order": "hwc",
    }
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"DetResizeForTest": {"resize_long": 960}},
                {"NormalizeImage": normalize},
                {"ToCHWImage": None},
            ]
        },
        "PostProcess": {
            "name": "DBPostProcess",
            "thresh": 0.3,
            "box_thresh": 0.6,
            "max_candidates": 1000,
            "unclip_ratio": 1.5,
        },
    }


def _recognition(name: str, charset: Sequence[str]) -> Mapping[str, Any]:
    # PaddleOCR itself adds the blank before the characters, and the space after them.
    return {
        "Global": {"model_name": name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"RecResizeImg": {"image_shape": [3, 48, 320]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": list(charset[1:-1])},
    }
