import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maoocr.engines.base import Threads, fixed_threads
from maoocr.engines.ppocr.openvino_runtime import OpenVinoNetwork
from maoocr.engines.ppocr.runtime import Images
from maoocr.errors import CallerLeft, EngineFault


class Tensor:
    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data


class Request:
    """Gives an image back; what was started ends when it is waited for."""

    def __init__(self, compiled: "Compiled") -> None:
        self._compiled = compiled
        self._image: Images | None = None
        self.output_tensors: list[Tensor] = []

    def infer(self, inputs: list[Images], *, share_inputs: bool) -> None:
        assert self._image is None, "it runs already"
        self._compiled.work.append(("infer", threading.get_ident()))
        self._give(inputs[0])

    def start_async(self, inputs: list[Images], *, share_inputs: bool) -> None:
        assert self._image is None, "it runs already"
        (self._image,) = inputs
        self._compiled.running += 1
        self._compiled.most_running = max(self._compiled.most_running, self._compiled.running)

    def wait(self) -> None:
        if self._image is not None:
            image, self._image = self._image, None
            self._compiled.running -= 1
            self._give(image)

    def _give(self, image: Images) -> None:
        if image.max() >= self._compiled.fails_from:
            raise RuntimeError("no kernel")
        self.output_tensors = [Tensor(image)]


class Compiled:
    """A model of so many streams."""

    def __init__(self, fails_from: int = 255) -> None:
        self.fails_from = fails_from
        self.requests = 0
        self.running = 0
        self.most_running = 0
        self.released = 0
        self.work: list[tuple[str, int]] = []

    def create_infer_request(self) -> Request:
        self.requests += 1
        return Request(self)

    def release_memory(self) -> None:
        assert self.running == 0
        self.released += 1


def unchanged(output: NDArray[Any]) -> NDArray[Any]:
    return output


def images(count: int) -> Iterator[Images]:
    for number in range(count):
        yield np.full((1, 2, 2, 3), number, np.uint8)


class Bench:
    """A network of two compiled models."""

    def __init__(self, fails_from: int = 255) -> None:
        self.own = Compiled(fails_from)
        self.beside = Compiled(fails_from)
        self.network = OpenVinoNetwork(self.own, self.beside, last=unchanged)

    def read(
        self, count: int, threads: Threads, checkpoint: Callable[[], None] = lambda: None
    ) -> list[int]:
        found = self.network.infer(images(count), threads=threads, checkpoint=checkpoint)
        return [int(output.max()) for (output,) in found]


@pytest.mark.parametrize("counts", [[1], [2], [4], [1, 4, 2], [3, 1], [1, 1, 2, 1]])
def test_outputs_come_in_order_however_many_threads_there_are(counts: list[int]) -> None:
    bench = Bench()
    left = iter(counts * 20)
    assert bench.read(20, lambda: next(left)) == list(range(20))
    assert bench.own.most_running + bench.beside.most_running <= max(counts)
    assert bench.own.running == bench.beside.running == 0


def test_a_lone_thread_is_the_callers_and_leaves_the_further_streams_alone() -> None:
    bench = Bench()
    bench.read(3, fixed_threads(1))
    assert bench.own.work == [("infer", threading.get_ident())] * 3
    assert bench.beside.requests == 0


def test_all_threads_are_kept_busy() -> None:
    bench = Bench()
    bench.read(9, fixed_threads(3))
    assert (bench.own.most_running, bench.beside.most_running) == (1, 2)


def test_a_network_of_one_stream_works_with_one_thread_whatever_it_is_told() -> None:
    own = Compiled()
    network = OpenVinoNetwork(own, last=unchanged)
    network.infer(images(3), threads=fixed_threads(4), checkpoint=lambda: None)
    assert own.work == [("infer", threading.get_ident())] * 3


def test_the_memory_of_further_streams_is_given_back_after_each_call() -> None:
    bench = Bench()
    for calls in (1, 2, 3):
        assert bench.read(4, fixed_threads(2)) == [0, 1, 2, 3]
        assert bench.beside.released == calls


def test_memory_that_never_was_is_not_given_back() -> None:
    bench = Bench()
    bench.read(4, fixed_threads(1))
    bench.read(1, fixed_threads(2))
    assert bench.beside.released == 0


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_failure_of_the_runtime_is_a_fault_and_nothing_goes_on_behind_it(threads: int) -> None:
    bench = Bench(fails_from=5)
    with pytest.raises(EngineFault, match="OpenVINO failed: no kernel"):
        bench.read(9, fixed_threads(threads))
    assert bench.own.running == bench.beside.running == 0
    assert bench.beside.released == (threads > 1)
    assert bench.read(4, fixed_threads(threads)) == [0, 1, 2, 3]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_who_leaves_is_heard_once_what_was_running_has_ended(threads: int) -> None:
    bench = Bench()
    calls = 0

    def leave() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise CallerLeft("Nobody waits.")

    with pytest.raises(CallerLeft):
        bench.read(9, fixed_threads(threads), leave)
    assert bench.own.running == bench.beside.running == 0
    assert bench.read(4, fixed_threads(threads)) == [0, 1, 2, 3]
