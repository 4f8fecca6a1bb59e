"""Networks on ONNX Runtime."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...errors import EngineFault, EngineUnavailable
from ..base import Checkpoint, Threads
from . import onnx_file
from .runtime import Images, Network, Outputs

__all__ = ["OnnxRuntime"]


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
        self, batches: Iterable[Images], *, threads: Threads, checkpoint: Checkpoint
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
