"""Rows of the history, made up."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from maoocr.store.history_row import HistoryRow, packed
from maoocr.store.ids import new_id
from maoocr.store.search import tokens_of

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
