"""Running a network: OpenVINO on a CPU, ONNX Runtime on CUDA. Nobody else here knows either.

A network takes uint8 RGB images of one size, shape (n, h, w, 3), and gives its outputs as arrays.
"""

import ctypes
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineFault, EngineUnavailable
from . import onnx_file

__all__ = ["Images", "Network", "OnnxRuntime", "OpenVino", "Outputs", "Runtime", "open_runtime"]

LARGE_BYTES = 1 << 22

Images = NDArray[np.uint8]
Outputs = tuple[NDArray[Any], ...]
Checkpoint = Callable[[], None]
Last = Callable[[NDArray[Any]], NDArray[Any]]
"""What is done to each output in the end."""


class Network(Protocol):
    """One loaded model."""

    def infer(
        self, batches: Iterable[Images], *, threads: int, checkpoint: Checkpoint
    ) -> list[Outputs]:
        """The outputs of each batch, in order; batches are taken from the iterator as needed.

        Raises:
            EngineFault: the runtime failed.
            MaoOCRError: whatever `checkpoint` raised, once what was running has ended.
        """


class Runtime(Protocol):
    """Loads models onto one device.

    Attributes:
        batch_images: how many images of one size make a good batch.
        details: precision, device and version, for operators and for the digest.
    """

    batch_images: int
    details: dict[str, str]

    def load(self, model: bytes, *, best_class: bool = False) -> Network:
        """Load an ONNX model.

        Args:
            model: the file's bytes.
            best_class: give the likeliest class of the output's last axis and its probability, both
                found on the device, in place of the probabilities of all classes.
        """


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


class OpenVino:
    """Intel's runtime on any x86 or ARM CPU.

    Each stream has one thread: images side by side use several cores better than one image split
    over them, and a lone stream leaves the other cores alone.
    """

    batch_images = 1

    def __init__(self, precision: str, threads: int) -> None:
        import openvino

        _return_freed_memory()
        self._core = openvino.Core()
        if precision == "auto":
            able = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            precision = "bf16" if "BF16" in able else "f32"
        self._config: dict[str, Any] = {
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
            # Pinned streams of two lanes would sit on the same cores.
            "ENABLE_CPU_PINNING": False,
            # Every size of image that was seen keeps its kernels; pages come in endless sizes.
            "CPU_RUNTIME_CACHE_CAPACITY": 64,
        }
        version = openvino.get_version().split("-")[0]
        self.details = {"runtime": f"openvino {version}", "device": "cpu", "precision": precision}

    def load(self, model: bytes, *, best_class: bool = False) -> Network:
        import openvino
        from openvino.preprocess import PrePostProcessor

        try:
            read = self._core.read_model(model)
        except RuntimeError as error:
            raise EngineUnavailable(f"OpenVINO cannot load the model: {error}") from error
        if best_class:
            read = _with_best_class(read)
        last = read.get_results()[0].input_value(0).get_node()
        ends_in_sigmoid = len(read.outputs) == 1 and last.get_type_name() == "Sigmoid"
        if ends_in_sigmoid:
            read = openvino.Model([last.input_value(0)], read.get_parameters())
        steps = PrePostProcessor(read)
        image = steps.input()
        image.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        image.model().set_layout(openvino.Layout("NCHW"))
        # The models were trained on BGR, mean and deviation 0.5.
        image.preprocess().convert_element_type(openvino.Type.f32).mean(127.5).scale(127.5)
        image.preprocess().reverse_channels()
        compiled = self._core.compile_model(steps.build(), "CPU", self._config)
        return _OpenVinoNetwork(compiled, _sigmoid if ends_in_sigmoid else _as_it_is)


def _return_freed_memory() -> None:
    """Have glibc give the large arrays of a page back to the system once they are freed.

    By itself it learns from the first large array to keep such memory, one heap per thread, and a
    lane grows by 90 MB. Elsewhere than on glibc nothing happens.
    """
    trim_threshold, mmap_threshold, arena_max = -1, -3, -8
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(trim_threshold, LARGE_BYTES)
    mallopt(mmap_threshold, LARGE_BYTES)
    mallopt(arena_max, 2)


def _with_best_class(model: Any) -> Any:
    """OpenVINO's TopK over 18,710 classes costs a fifth of the whole network; two maxima do not."""
    import openvino
    from openvino import opset13 as ops

    probabilities = model.get_results()[0].input_value(0)
    classes = probabilities.get_partial_shape()[-1].get_length()
    axis = ops.constant(np.int64(-1))
    best = ops.reduce_max(probabilities, ops.constant(np.int64(-1)), True)
    numbers = ops.constant(np.arange(classes, dtype=np.float32))
    is_best = ops.greater_equal(probabilities, best)
    number = ops.reduce_max(ops.select(is_best, numbers, ops.constant(np.float32(0))), axis, False)
    number = ops.convert(number, "i32")
    best = ops.squeeze(best, axis)
    return openvino.Model([number.output(0), best.output(0)], model.get_parameters())


class _OpenVinoNetwork:
    def __init__(self, compiled: Any, last: Last) -> None:
        self._compiled = compiled
        self._last = last
        self._requests: list[Any] = []

    def infer(
        self, batches: Iterable[Images], *, threads: int, checkpoint: Checkpoint
    ) -> list[Outputs]:
        while len(self._requests) < threads:
            self._requests.append(self._compiled.create_infer_request())
        found: list[Outputs] = []
        started = 0
        try:
            for batch in batches:
                if started - len(found) == threads:
                    found.append(self._finish(self._requests[len(found) % threads]))
                    checkpoint()
                self._requests[started % threads].start_async([batch], share_inputs=True)
                started += 1
                if threads == 1:
                    found.append(self._finish(self._requests[0]))
                    checkpoint()
            while len(found) < started:
                found.append(self._finish(self._requests[len(found) % threads]))
                checkpoint()
        except RuntimeError as error:
            raise EngineFault(f"OpenVINO failed: {error}") from error
        finally:
            for request in self._requests:
                request.wait()
        return found

    def _finish(self, request: Any) -> Outputs:
        request.wait()
        return tuple(self._last(np.array(tensor.data)) for tensor in request.output_tensors)


def _as_it_is(output: NDArray[Any]) -> NDArray[Any]:
    return output


def _sigmoid(output: NDArray[Any]) -> NDArray[Any]:
    """In place. OpenVINO's own takes a tenth of the detector's time, this one a tenth of that."""
    with np.errstate(over="ignore"):
        np.negative(output, out=output)
        np.exp(output, out=output)
    output += 1
    np.reciprocal(output, out=output)
    return output


class OnnxRuntime:
    """ONNX Runtime, for CUDA devices; its CPU provider takes the same path in tests."""

    def __init__(self, provider: str, device_id: int, threads: int) -> None:
        import onnxruntime

        cuda = provider == "CUDAExecutionProvider"
        self._runtime = onnxruntime
        self._providers: list[Any] = [
            (provider, {"device_id": device_id, "cudnn_conv_algo_search": "HEURISTIC"})
            if cuda
            else provider
        ]
        self._threads = threads
        self.batch_images = 32 if cuda else 4
        self.details = {
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "device": f"cuda:{device_id}" if cuda else "cpu",
            "precision": "f32",
        }

    def load(self, model: bytes, *, best_class: bool = False) -> Network:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = self._runtime.InferenceSession(
                onnx_file.with_best_class(model) if best_class else model,
                sess_options=options,
                providers=self._providers,
            )
        except Exception as error:
            raise EngineUnavailable(f"ONNX Runtime cannot load the model: {error}") from error
        names = [onnx_file.BEST_CLASS, onnx_file.BEST_PROBABILITY] if best_class else None
        return _OnnxNetwork(session, names)


class _OnnxNetwork:
    def __init__(self, session: Any, outputs: list[str] | None) -> None:
        self._session = session
        self._outputs = outputs
        self._input = session.get_inputs()[0].name

    def infer(
        self, batches: Iterable[Images], *, threads: int, checkpoint: Checkpoint
    ) -> list[Outputs]:
        found: list[Outputs] = []
        for batch in batches:
            planes = batch[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
            planes -= 127.5
            planes /= 127.5
            try:
                found.append(tuple(self._session.run(self._outputs, {self._input: planes})))
            except Exception as error:
                raise EngineFault(f"ONNX Runtime failed: {error}") from error
            checkpoint()
        return found
