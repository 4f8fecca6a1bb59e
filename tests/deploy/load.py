"""Callers who ask without a pause and remember what each of them was told."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from tests.deploy.pictures import Picture, next_picture
from tests.deploy.stack import Stack

__all__ = ["Answer", "Load", "assert_all_kept"]

PAUSE_S = 0.2
ANSWERS_S = 120.0


@dataclass(frozen=True)
class Answer:
    """What one request came to; `status` is 0 where the connection broke."""

    picture: Picture
    began: float
    ended: float
    status: int
    body: dict[str, Any]
    broke: str = ""

    @property
    def is_read(self) -> bool:
        """Whether it was answered with a text."""
        return self.status == 200

    @property
    def outcome(self) -> str:
        """In a word or two, for a table."""
        if self.is_read:
            return "200"
        if not self.status:
            return self.broke
        return f"{self.status} {self.error.get('code', 'without the error body')}"

    @property
    def error(self) -> dict[str, Any]:
        """Of the one error body; empty where the answer has none."""
        error = self.body.get("error")
        return error if isinstance(error, dict) else {}


class Load:
    """So many callers at once, each with the next request when the last was answered.

    Args:
        keeps: Whether a caller keeps its connection from one request to the next.
        pictures: Makes what is to be read next.
        engine: That is asked for by its name.
    """

    def __init__(
        self,
        stack: Stack,
        callers: int = 3,
        *,
        keeps: bool = True,
        pictures: Callable[[], Picture] = next_picture,
        engine: str = "",
    ) -> None:
        self._stack = stack
        self._pictures = pictures
        self._options = {"engine": engine} if engine else {}
        self._kept = None if keeps else 0
        self._ended = threading.Event()
        self._more = threading.Condition()
        self._answers: list[Answer] = []
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def answers(self) -> list[Answer]:
        """So far, in the order in which they ended."""
        with self._more:
            return list(self._answers)

    @property
    def read(self) -> list[Answer]:
        """Those that were answered with a text."""
        return [answer for answer in self.answers if answer.is_read]

    @property
    def failed(self) -> list[Answer]:
        """All others."""
        return [answer for answer in self.answers if not answer.is_read]

    @property
    def outcomes(self) -> str:
        """How often each outcome was met, for a table."""
        counted = Counter(answer.outcome for answer in self.answers)
        return ", ".join(f"{times} x {outcome}" for outcome, times in counted.most_common())

    def wait_for_answers(self, more: int) -> None:
        """Until so many more requests, begun from now on, were answered with a text."""
        now = time.monotonic()
        with self._more:
            assert self._more.wait_for(
                lambda: sum(a.is_read and a.began >= now for a in self._answers) >= more,
                ANSWERS_S,
            ), f"not {more} answers in {ANSWERS_S:.0f} s: {[a.outcome for a in self._answers]}"

    def assert_nobody_got_anothers_text(self) -> None:
        """Each text is that of the picture which was sent."""
        wrong = [
            (answer.picture.number, answer.body["text"])
            for answer in self.read
            if not answer.picture.is_read_in(answer.body["text"])
        ]
        assert wrong == []

    def _call(self) -> None:
        client = self._stack.client(kept=self._kept)
        while not self._ended.is_set():
            answer = self._asked(client, self._pictures())
            with self._more:
                self._answers.append(answer)
                self._more.notify_all()
            if not answer.is_read:
                self._ended.wait(PAUSE_S)
        client.close()

    def _asked(self, client: httpx.Client, picture: Picture) -> Answer:
        began = time.monotonic()
        try:
            response = client.post(
                "/api/ocr/recognize",
                data=self._options,
                files={"image": ("order.png", picture.data, "image/png")},
            )
        except httpx.TransportError as error:
            return Answer(picture, began, time.monotonic(), 0, {}, type(error).__name__)
        try:
            body = response.json()
        except ValueError:
            body = {}
        return Answer(picture, began, time.monotonic(), response.status_code, body)


def assert_all_kept(stack: Stack, answers: list[Answer]) -> None:
    """Every answer is found in the history by its id, with its own text."""
    # Over new connections: Nginx may end kept ones whenever gateways come and go.
    with stack.client(kept=0) as client:
        for answer in answers:
            kept = client.get(f"/api/ocr/history/{answer.body['history_id']}")
            assert kept.status_code == 200, (answer.body["history_id"], kept.text)
            assert answer.picture.is_read_in(kept.json()["text"])
