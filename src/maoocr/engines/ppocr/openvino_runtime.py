"""Networks on OpenVINO."""

import ctypes
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import EngineFault, EngineUnavailable
from ..base import Checkpoint, Threads
from .runtime import Images, Network, Outputs

__all__ = ["OpenVino", "OpenVinoNetwork"]

LARGE_BYTES = 1 << 22

Last = Callable[[NDArray[Any]], NDArray[Any]]
"""What is left to do to an output."""


class OpenVino:
    """Intel's runtime on any x86 or ARM CPU.

    Images side by side use several cores better than one image split over them, so each of its
    streams has one thread. A model is compiled twice: one stream that works in the caller's thread
    whatever happens, and the others, which have memory only while they are in use. Were they all
    in one, the runtime would give each image to another stream, and a thread that works alone would
    go through the memory of all of them: 5 % slower, and 50 MB more.
    """

    batch_images = 1

    def __init__(self, precision: str, threads: int) -> None:
        import openvino

        _return_freed_memory()
        self._core = openvino.Core()
        if precision == "auto":
            able = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            precision = "bf16" if "BF16" in able else "f32"
        self._beside = threads - 1
        self._config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            # Pinned streams of two lanes would sit on the same cores.
            "ENABLE_CPU_PINNING": False,
            # Every size of image that was seen keeps its kernels; pages come in endless sizes, and
            # more of them than this cost 25 MB without being used again.
            "CPU_RUNTIME_CACHE_CAPACITY": 16,
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
        built = steps.build()
        compiled = [self._compiled(built, n) for n in (1, self._beside) if n]
        return OpenVinoNetwork(*compiled, last=_sigmoid if ends_in_sigmoid else _as_it_is)

    def _compiled(self, model: Any, streams: int) -> Any:
        size = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams}
        return self._core.compile_model(model, "CPU", self._config | size)


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


class OpenVinoNetwork:
    """One model, compiled for the caller's thread and for further streams."""

    def __init__(self, own: Any, beside: Any = None, *, last: Last) -> None:
        """Make it of compiled models.

        Args:
            own: of one stream.
            beside: of the further ones; without it no second thread is ever busy.
            last: what is done to each output in the end.
        """
        self._own = own.create_infer_request()
        self._beside = beside
        self._requests = [self._own]
        self._last = last

    def infer(
        self, batches: Iterable[Images], *, threads: Threads, checkpoint: Checkpoint
    ) -> list[Outputs]:
        """See `Network`."""
        found: list[Outputs] = []
        running: deque[Any] = deque()
        try:
            for batch in batches:
                allowed = threads() if self._beside else 1
                while len(running) >= allowed:
                    found.append(self._finish(running.popleft()))
                    checkpoint()
                if allowed == 1:
                    self._own.infer([batch], share_inputs=True)
                    found.append(self._outputs(self._own))
                    checkpoint()
                else:
                    running.append(self._free(running))
                    running[-1].start_async([batch], share_inputs=True)
            while running:
                found.append(self._finish(running.popleft()))
                checkpoint()
        except RuntimeError as error:
            raise EngineFault(f"OpenVINO failed: {error}") from error
        finally:
            for request in running:
                with suppress(RuntimeError):
                    request.wait()
            if len(self._requests) > 1:
                self._give_back()
        return found

    def _free(self, running: Collection[Any]) -> Any:
        """A request that is not running; there is always one when this is called."""
        for request in self._requests:
            if request not in running:
                return request
        self._requests.append(self._beside.create_infer_request())
        return self._requests[-1]

    def _finish(self, request: Any) -> Outputs:
        request.wait()
        return self._outputs(request)

    def _outputs(self, request: Any) -> Outputs:
        return tuple(self._last(np.array(tensor.data)) for tensor in request.output_tensors)

    def _give_back(self) -> None:
        """Free the memory of the further streams: up to 60 MB, had again in some 10 ms."""
        del self._requests[1:]
        self._beside.release_memory()


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
