import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maoocr.cache import packing
from maoocr.cache.packing import pack, unpack


@given(st.binary(max_size=5000))
async def test_what_was_packed_is_unpacked(value: bytes) -> None:
    assert await unpack(await pack(value)) == value


async def test_what_repeats_is_stored_smaller_and_what_does_not_is_hardly_larger() -> None:
    assert len(await pack(b"line " * 1000)) < 500
    noise = bytes(range(256)) * 4
    assert len(await pack(noise[:1023])) == 1024


async def test_large_values_go_the_same_way() -> None:
    value = b"page " * packing.ASIDE_BYTES
    assert await unpack(await pack(value)) == value
    letters = bytes(64 + byte % 16 for byte in random.Random(1).randbytes(packing.ASIDE_BYTES))
    stored = await pack(letters)
    assert packing.ASIDE_BYTES // 8 < len(stored) < len(letters)
    assert await unpack(stored) == letters


@pytest.mark.parametrize("stored", [b"", b"\x07what", b"\x01not deflated", b"\x01"])
async def test_what_is_none_of_ours_is_nothing(stored: bytes) -> None:
    assert await unpack(stored) is None


async def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = await pack(bytes(1_000_000))
    monkeypatch.setattr(packing, "MOST_BYTES", 1000)
    assert await unpack(stored) is None
