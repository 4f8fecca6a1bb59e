"""Small networks written by hand, as ONNX files: what stands where a trained model would."""

import struct
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

__all__ = ["Node", "corner_model", "flat_model", "layout_model", "onnx_model", "write_model"]

FLOAT, INT64 = 1, 7

Node = tuple[str, Sequence[str], Sequence[str], Mapping[str, int | Sequence[int]]]
"""Operator, inputs, outputs, attributes."""
Shape = Sequence[int | str]


def write_model(
    folder: Path, network: bytes, config: Mapping[str, Any], *, name: str | None = None
) -> None:
    """A model folder as PaddleOCR reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inference.onnx").write_bytes(network)
    described = {"Global": {"model_name": name or folder.name}, **config}
    (folder / "inference.yml").write_text(yaml.safe_dump(described), encoding="utf-8")


def corner_model(folder: Path) -> None:
    """A page orientation classifier: upright is the page whose top left corner is the darkest."""
    # Where the dark corner is, from the top left row by row, and by which turn to the left it
    # comes to the top left: 0, 90, 270, 180 degrees.
    turns = np.zeros((4, 4), np.float32)
    for corner, label in enumerate((0, 1, 3, 2)):
        turns[corner, label] = -8.0
    nodes: list[Node] = [
        ("AveragePool", ["x"], ["corners"], {"kernel_shape": [112, 112], "strides": [112, 112]}),
        ("ReduceMean", ["corners"], ["grey"], {"axes": [1], "keepdims": 0}),
        ("Flatten", ["grey"], ["flat"], {"axis": 1}),
        ("MatMul", ["flat", "turns"], ["logits"], {}),
        ("Softmax", ["logits"], ["y"], {"axis": 1}),
    ]
    network = onnx_model(nodes, {"x": ["n", 3, 224, 224]}, {"y": ["n", 4]}, {"turns": turns})
    normalize = {
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "scale": 1 / 255,
        "order": "",
        "channel_num": 3,
    }
    config = {
        "PreProcess": {
            "transform_ops": [
                {"ResizeImage": {"size": [224, 224]}},
                {"NormalizeImage": normalize},
                {"ToCHWImage": None},
            ]
        },
        "PostProcess": {"Topk": {"topk": 1, "label_list": ["0", "90", "180", "270"]}},
    }
    write_model(folder, network, config)


def flat_model(folder: Path) -> None:
    """A model for unwarping that finds every page flat already."""
    nodes: list[Node] = [("Identity", ["x"], ["y"], {})]
    shape: Shape = ["n", 3, "h", "w"]
    write_model(folder, onnx_model(nodes, {"x": shape}, {"y": shape}, {}), {})


def layout_model(folder: Path, *boxes: tuple[str, int, int, int, int]) -> None:
    """A layout model that finds these blocks on every page: label, left, top, right, bottom."""
    labels = sorted({box[0] for box in boxes})
    found = np.array([(labels.index(label), 0.9, *at) for label, *at in boxes], np.float32)
    nodes: list[Node] = [
        ("Identity", ["found"], ["boxes"], {}),
        ("Identity", ["count"], ["boxes_num"], {}),
    ]
    inputs: dict[str, Shape] = {
        "im_shape": ["n", 2],
        "image": ["n", 3, "h", "w"],
        "scale_factor": ["n", 2],
    }
    constants: dict[str, np.ndarray[Any, Any]] = {
        "found": found,
        "count": np.array([len(boxes)], np.int64),
    }
    outputs: dict[str, Shape] = {"boxes": [len(boxes), 6], "boxes_num": [1]}
    network = onnx_model(nodes, inputs, outputs, constants, whole={"boxes_num"})
    config = {
        "Preprocess": [
            {"type": "Resize", "target_size": [64, 64], "keep_ratio": False, "interp": 2},
            {"type": "NormalizeImage", "norm_type": "none", "mean": [0.0] * 3, "std": [1.0] * 3},
            {"type": "Permute"},
        ],
        "label_list": labels,
        "arch": "DETR",
        "draw_threshold": 0.5,
    }
    write_model(folder, network, config)


def onnx_model(
    nodes: Sequence[Node],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    constants: Mapping[str, np.ndarray[Any, Any]],
    whole: Collection[str] = (),
) -> bytes:
    """The bytes of a model; see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.

    Args:
        nodes: in the order in which they run.
        inputs: names and shapes.
        outputs: likewise.
        constants: by the name under which nodes take them.
        whole: inputs and outputs that are whole numbers.
    """
    graph = b"".join(_field(1, _node(*node)) for node in nodes) + _field(2, b"graph")
    graph += b"".join(_field(5, _tensor(name, array)) for name, array in constants.items())
    for field, values in ((11, inputs), (12, outputs)):
        for name, shape in values.items():
            graph += _field(field, _value(name, shape, INT64 if name in whole else FLOAT))
    return _number(1, 8) + _field(7, graph) + _field(8, _number(2, 13))


def _node(
    operator: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    attributes: Mapping[str, int | Sequence[int]],
) -> bytes:
    parts = [_field(1, name.encode()) for name in inputs]
    parts += [_field(2, name.encode()) for name in outputs]
    parts.append(_field(4, operator.encode()))
    parts += [_field(5, _attribute(name, value)) for name, value in attributes.items()]
    return b"".join(parts)


def _attribute(name: str, value: int | Sequence[int]) -> bytes:
    if isinstance(value, int):
        return _field(1, name.encode()) + _number(3, value) + _number(20, 2)
    numbers = b"".join(_number(8, number) for number in value)
    return _field(1, name.encode()) + numbers + _number(20, 7)


def _tensor(name: str, array: np.ndarray[Any, Any]) -> bytes:
    kind = INT64 if array.dtype == np.int64 else FLOAT
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, kind) + _field(8, name.encode()) + _field(9, array.tobytes())


def _value(name: str, shape: Shape, kind: int) -> bytes:
    dims = b"".join(
        _field(1, _number(1, size) if isinstance(size, int) else _field(2, size.encode()))
        for size in shape
    )
    tensor = _number(1, kind) + _field(2, dims)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes(found) + struct.pack("B", value)
