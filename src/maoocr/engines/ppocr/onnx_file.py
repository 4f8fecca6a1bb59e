"""The few things that are needed of an ONNX file, read and written at the level of protobuf's wire.

The `onnx` package would cost every installation 20 MB for this. Field numbers are those of
onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): ModelProto.graph = 7,
.opset_import = 8, .metadata_props = 14; GraphProto.node = 1, .output = 12.
"""

from collections.abc import Iterator

__all__ = ["BEST_CLASS", "BEST_PROBABILITY", "read_metadata", "with_best_class"]

BEST_CLASS = "maoocr_best_class"
BEST_PROBABILITY = "maoocr_best_probability"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GRAPH, _OPSETS, _METADATA = 7, 8, 14
_NODE, _OUTPUT = 1, 12
_INT64, _FLOAT = 7, 1


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a varint is longer than ten bytes")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message; integers, or the bytes of a nested one."""
    at = 0
    try:
        while at < len(data):
            key, at = _read_varint(data, at)
            number, wire = key >> 3, key & 7
            if wire == _VARINT:
                value, at = _read_varint(data, at)
                yield number, value
                continue
            size = {_FIXED64: 8, _FIXED32: 4}.get(wire)
            if size is None:
                if wire != _BYTES:
                    raise ValueError(f"wire type {wire} is not used by ONNX")
                size, at = _read_varint(data, at)
            if at + size > len(data):
                raise ValueError("the file ends in the middle of a field")
            yield number, data[at : at + size]
            at += size
    except IndexError:
        raise ValueError("the file ends in the middle of a field") from None


def _nested(data: memoryview, number: int) -> Iterator[memoryview]:
    for found, value in _fields(data):
        if found == number and isinstance(value, memoryview):
            yield value


def _text(data: memoryview, number: int) -> str:
    for value in _nested(data, number):
        return bytes(value).decode("utf-8")
    return ""


def read_metadata(model: bytes) -> dict[str, str]:
    """What the exporter wrote beside the graph; PP-OCR's recognizers keep `character` there.

    Raises:
        ValueError: the bytes are no ONNX model.
    """
    entries = _nested(memoryview(model), _METADATA)
    return {_text(entry, 1): _text(entry, 2) for entry in entries}


def _varint(value: int) -> bytes:
    out = bytearray()
    value &= (1 << 64) - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    raw = value.encode("utf-8") if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(raw)) + raw


def _int_attribute(name: str, value: int) -> bytes:
    return _field(5, _field(1, name) + _field(3, value) + _field(20, 2))


def _ints_attribute(name: str, value: int) -> bytes:
    return _field(5, _field(1, name) + _field(8, value) + _field(20, 7))


def _node(kind: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    body = b"".join(_field(1, name) for name in inputs) + _field(2, output)
    return _field(_NODE, body + _field(3, output) + _field(4, kind) + b"".join(attributes))


def _output(name: str, element: int) -> bytes:
    return _field(_OUTPUT, _field(1, name) + _field(2, _field(1, _field(1, element))))


def with_best_class(model: bytes) -> bytes:
    """Add two outputs to a classifier: the likeliest class of the last axis and its probability.

    Else a line of text would move 18,710 floats a step out of the device. A message that is
    written after another of the same field is merged with it by every protobuf parser, so the
    additions are simply appended to the file's bytes.

    Raises:
        ValueError: the bytes are no ONNX model with one output.
    """
    data = memoryview(model)
    outputs = [_text(o, 1) for graph in _nested(data, _GRAPH) for o in _nested(graph, _OUTPUT)]
    if len(outputs) != 1 or not outputs[0]:
        raise ValueError(f"a classifier with one output was expected, not {outputs}")
    versions = [v for s in _nested(data, _OPSETS) for n, v in _fields(s) if n == 2]
    opset = max((v for v in versions if isinstance(v, int)), default=0)
    if opset < 11:
        raise ValueError(f"opset {opset} is older than ONNX opset 11")
    index = _node(
        "ArgMax", outputs, BEST_CLASS, _int_attribute("axis", -1), _int_attribute("keepdims", 0)
    )
    if opset < 18:
        best = _node(
            "ReduceMax",
            outputs,
            BEST_PROBABILITY,
            _ints_attribute("axes", -1),
            _int_attribute("keepdims", 0),
        )
    else:
        axis = f"{BEST_PROBABILITY}_axis"
        tensor = _field(1, 1) + _field(2, _INT64) + _field(7, -1)
        constant = _field(5, _field(1, "value") + _field(5, tensor) + _field(20, 4))
        best = _node("Constant", [], axis, constant) + _node(
            "ReduceMax", [*outputs, axis], BEST_PROBABILITY, _int_attribute("keepdims", 0)
        )
    added = index + best + _output(BEST_CLASS, _INT64) + _output(BEST_PROBABILITY, _FLOAT)
    return model + _field(_GRAPH, added)
