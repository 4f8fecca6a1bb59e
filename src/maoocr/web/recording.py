"""The row that an answer leaves in the history, written before the reply leaves."""

import logging
import time
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import HTTPConnection

from ..domain import OcrResult, Requirements
from ..errors import MaoOCRError
from ..exports import result_object
from ..service.history import Answered, History
from ..service.pictured import Pictured
from ..service.ports import Document
from .auth import caller_of
from .gateway import gateway_of
from .intake import Intake

__all__ = ["Recording"]


log = logging.getLogger("maoocr.history")


class Recording:
    """Of one request: its row's id is known from the start, the row is written at its end."""

    def __init__(
        self,
        request: HTTPConnection,
        intake: Intake,
        requirements: Requirements | None,
        *,
        is_wanted: bool = True,
    ) -> None:
        """Make it.

        Args:
            request: that brought the document, or the WebSocket.
            intake: the document.
            requirements: of the caller.
            is_wanted: else the answer is only counted in what its owner used.
        """
        self._history: History = gateway_of(request).history
        self._is_kept = is_wanted and self._history.settings.enabled
        self._is_deferred = False
        self._id = self._history.new_id()
        self._started = time.monotonic()
        self._request = request
        self._intake = intake
        pictures = self._history.pictures if self._is_kept else None
        self._pictured = Pictured(intake.upload, pictures) if pictures is not None else None
        self._requirements = requirements

    @property
    def headers(self) -> dict[str, str]:
        """Of the reply: the row's id, where a row is kept, and whether it is on its way only."""
        if not self._is_kept:
            return {}
        deferred = {"X-History": "deferred"} if self._is_deferred else {}
        return {"X-History-Id": self._id} | deferred

    @property
    def document(self) -> Document:
        """The upload, as it is to be read."""
        return self._pictured or self._intake.upload

    async def begin(self) -> None:
        """Keep the upload, where that is asked for.

        Raises:
            StorageFull: there is no room for it.
        """
        if self._is_kept and self._history.settings.keep_originals:
            upload = self._intake.upload
            await upload.keep()
            path = gateway_of(self._request).spool.path(upload.sha256)
            await self._history.keep_original(upload.sha256, path)

    async def finish(self, result: OcrResult) -> bytes:
        """Write the row; the body of the answer in JSON.

        Raises:
            StorageFull: neither the database nor the journal has room for the row.
        """
        request_id = self._request.state.request_id
        values: dict[str, Any] = result_object(result)
        values |= {"request_id": request_id, "history_id": self._id if self._is_kept else None}
        answer = msgspec.json.encode(values)
        upload = self._intake.upload
        outcome = await self._history.record(
            Answered(
                id=self._id,
                owner=caller_of(self._request).owner,
                request_id=request_id,
                name=self._intake.name,
                kind=upload.kind.name,
                sha256=upload.sha256,
                size=upload.size,
                requirements=self._requirements,
                result=result,
                answer=answer,
                thumbnail=self._pictured.picture if self._pictured is not None else None,
                is_kept=self._is_kept,
            )
        )
        if outcome == "kept" or not self._is_kept:
            return answer
        self._is_deferred, self._is_kept = outcome == "deferred", outcome == "deferred"
        values |= {"history": "deferred"} if self._is_deferred else {"history_id": None}
        return msgspec.json.encode(values)

    async def finish_stream(self, result: OcrResult) -> None:
        """Write the row of an answer that has begun to leave, which no error can stop any more."""
        took = self._intake.upload_s + time.monotonic() - self._started
        timings = replace(result.timings, upload_s=self._intake.upload_s, total_s=took)
        try:
            await self.finish(replace(result, timings=timings))
        except MaoOCRError as error:
            log.error("an answer is not in the history", extra={"reason": error.message})
