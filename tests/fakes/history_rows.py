"""Rows of the history, made up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from fastapi import FastAPI

from maoocr.domain import OcrResult, PageResult, Selection, TextLine, Timings
from maoocr.exports import result_object
from maoocr.store.history import HistoryTable
from maoocr.store.history_row import HistoryRow, packed
from maoocr.store.ids import new_id
from maoocr.store.search import tokens_of
from maoocr.web.gateway import Gateway

BOX = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
LINE = TextLine("hello", 0.9, BOX, "fake")
RESULT = OcrResult((PageResult(1, 9, 9, lines=(LINE,)),), 1, Selection("fake"), Timings())
ANSWER = msgspec.json.encode(result_object(RESULT) | {"request_id": "r", "history_id": "h"})

START = datetime(2026, 1, 1, tzinfo=UTC)


def history_row(text: str = "hello", number: int = 0, **values: Any) -> HistoryRow:
    """A row made `number` minutes after `START`."""
    moment = START + timedelta(minutes=number)
    row = HistoryRow(
        id=new_id(moment),
        created_at=moment,
        owner="",
        request_id=f"r{number}",
        name="a.png",
        kind="png",
        sha256="f" * 64,
        size=1,
        engine="fake",
        document_type="auto",
        language="en",
        confidence=0.9,
        pages_total=1,
        pages_done=1,
        seconds=0.5,
        cached=False,
        requirements=None,
        answer=packed(msgspec.json.encode({"text": text})),
        tokens=tokens_of(text),
    )
    return msgspec.structs.replace(row, **values)


async def keep_row(app: FastAPI, owner: str) -> str:
    """Put a row with everything into the history of an owner; its id."""
    gateway: Gateway = app.state.gateway
    row = history_row(owner=owner, thumbnail=b"RIFF", original="f" * 64, answer=packed(ANSWER))
    originals = gateway.settings.state_dir / "originals"
    originals.mkdir(exist_ok=True, parents=True)
    (originals / ("f" * 64)).write_bytes(b"picture")
    await HistoryTable(gateway.database).add([row])
    return row.id
