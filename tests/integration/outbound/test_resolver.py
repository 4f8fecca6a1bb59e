"""The resolver of the system, which reads /etc/hosts at least."""

import asyncio
import socket
import threading
from ipaddress import IPv4Address
from typing import Any

import pytest

from maoocr.outbound.resolver import NameNotFound, SystemResolver

pytestmark = pytest.mark.integration


async def test_a_name_leads_to_its_addresses() -> None:
    assert IPv4Address("127.0.0.1") in await SystemResolver().resolve("localhost")


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "", "a\x00b"])
async def test_what_is_no_name_is_not_found(name: str) -> None:
    with pytest.raises(NameNotFound):
        await SystemResolver().resolve(name)


async def test_silent_name_servers_hold_no_more_threads_than_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = threading.Event()
    held = threading.Semaphore(0)

    def getaddrinfo(host: str, *rest: Any, **options: Any) -> list[Any]:
        held.release()
        answer.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    system = SystemResolver(threads=2)
    looks = [asyncio.create_task(system.resolve("slow.example")) for _ in range(3)]
    for _ in range(2):
        assert await asyncio.to_thread(held.acquire, timeout=30)
    assert not held.acquire(blocking=False)
    # Whoever gives up does not give his thread back: it still waits.
    looks[0].cancel()
    await asyncio.wait([looks[0]])
    assert not held.acquire(blocking=False)
    answer.set()
    assert [await look for look in looks[1:]] == [(IPv4Address("192.0.2.1"),)] * 2
