"""Which runtime serves a device: OpenVINO a CPU, ONNX Runtime a CUDA device."""

from ...errors import EngineUnavailable
from .onnx_runtime import OnnxRuntime
from .openvino_runtime import OpenVino
from .runtime import Runtime

__all__ = ["open_runtime"]


def open_runtime(device: str, precision: str, threads: int) -> Runtime:
    """The runtime of a device: `auto`, `cpu` or `cuda[:N]`.

    Raises:
        EngineUnavailable: the device is not there, or the precision is none that it has.
    """
    if precision not in {"auto", "bf16", "f32"}:
        raise EngineUnavailable(f"PP-OCR runs in auto, bf16 or f32, not in {precision[:40]!r}.")
    if device == "auto":
        device = "cuda:0" if "CUDAExecutionProvider" in _onnxruntime_providers() else "cpu"
    if device == "cpu":
        return OpenVino(precision, threads)
    name, _, number = device.partition(":")
    if name != "cuda" or not (number or "0").isdigit():
        raise EngineUnavailable(f"PP-OCR runs on cpu or cuda:N, not on {device[:40]!r}.")
    if "CUDAExecutionProvider" not in _onnxruntime_providers():
        raise EngineUnavailable(
            f"The device {device} needs the package onnxruntime-gpu and a CUDA driver."
        )
    return OnnxRuntime("CUDAExecutionProvider", int(number or 0), threads)


def _onnxruntime_providers() -> list[str]:
    try:
        import onnxruntime
    except ImportError:
        return []
    return list(onnxruntime.get_available_providers())
