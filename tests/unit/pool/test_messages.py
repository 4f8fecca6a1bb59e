import msgspec
import pytest

import maoocr.pool
from maoocr.domain import PageResult, TextLine
from maoocr.pool import messages
from maoocr.pool.messages import LENGTH, BatchDone, PageDone, Stop, frame, from_lane, to_lane


def body(data: bytes) -> bytes:
    assert LENGTH.unpack(data[: LENGTH.size])[0] == len(data) - LENGTH.size
    return data[LENGTH.size :]


def test_what_is_sent_is_what_arrives() -> None:
    polygon = ((0.0, 1.0), (2.0, 3.0), (4.0, 5.0), (6.0, 7.0))
    line = TextLine("text", 0.5, polygon, "engine")
    done = PageDone(3, 1, PageResult(number=2, lines=(line,)))
    assert from_lane.decode(body(frame(done))) == done


def test_a_lane_cannot_send_what_only_a_gateway_may() -> None:
    assert to_lane.decode(body(frame(Stop()))) == Stop()
    with pytest.raises(msgspec.ValidationError):
        from_lane.decode(body(frame(Stop())))


def test_types_are_checked() -> None:
    wrong = msgspec.msgpack.encode({"type": "done", "batch": "one", "rss_bytes": 1})
    with pytest.raises(msgspec.ValidationError):
        from_lane.decode(wrong)


def test_a_frame_has_a_greatest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_FRAME_BYTES", 10)
    with pytest.raises(ValueError, match="above 10"):
        frame(BatchDone(1, 1))


def test_what_the_room_offers_can_be_had() -> None:
    assert all(getattr(maoocr.pool, name) for name in maoocr.pool.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        maoocr.pool.nothing  # noqa: B018
