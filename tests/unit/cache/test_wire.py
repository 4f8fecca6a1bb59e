"""The wire of one process."""

import asyncio
from contextlib import AsyncExitStack

from maoocr.cache.wire import MemoryWire


async def test_who_listened_first_hears_first() -> None:
    wire, heard = MemoryWire(), []

    async with AsyncExitStack() as stack:
        topics = [await stack.enter_async_context(wire.subscribe("news")) for _ in range(50)]

        async def listen(number: int) -> None:
            await anext(topics[number])
            heard.append(number)

        listeners = [asyncio.create_task(listen(number)) for number in range(50)]
        await asyncio.sleep(0)
        await wire.publish("news", b"heard")
        await asyncio.gather(*listeners)
    assert heard == list(range(50))
    assert not wire.topics
