"""What is fetched, over real connections, and every way in which the other side may misbehave."""

import asyncio
import gzip

import pytest

from maoocr.errors import DeadlineExceeded, FetchFailed, MaoOCRError, Overloaded, TooLarge

from .outside import (
    LIMIT,
    Names,
    Outside,
    SilentNames,
    Taker,
    outside,
    redirect,
    reply,
    settings_for,
)

pytestmark = pytest.mark.integration

BODY = b"\x89PNG" + bytes(1000)


async def test_a_document_comes_whole() -> None:
    async with outside() as place:
        place.answers["/a.png"] = reply(BODY)
        taker = Taker(settings_for(place))
        assert await taker.take(f"http://127.0.0.1:{place.port}/a.png?x=1#y") == BODY


async def test_chunks_come_whole_without_a_length() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    async with outside() as place:
        place.answers["/"] = chunked
        place.answers["/close"] = b"HTTP/1.0 200 OK\r\n\r\nabcde"
        url = f"http://127.0.0.1:{place.port}/"
        assert await Taker(settings_for(place)).take(url) == b"abcde"
        assert await Taker(settings_for(place)).take(url + "close") == b"abcde"


async def test_a_request_tells_nothing_of_the_caller() -> None:
    async with outside() as place:
        place.answers["/"] = reply(BODY, "Set-Cookie: a=b")
        place.answers["/again"] = redirect("/")
        taker = Taker(settings_for(place), Names(files_example=["127.0.0.1"]))
        await taker.take(f"http://FILES.example.:{place.port}/again")
    for request in place.requests:
        lines = request.decode().split("\r\n")
        assert lines[1] == f"Host: files.example:{place.port}"
        names = {line.partition(":")[0] for line in lines[1:] if line}
        assert names == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
        assert "Accept-Encoding: identity" in lines


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with outside() as place, outside() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        place.answers["/"] = reply(BODY)
        taker = Taker(settings_for(place, proxy))
        assert await taker.take(f"http://127.0.0.1:{place.port}/") == BODY
    assert proxy.connections == 0


async def test_a_go_ahead_is_waited_over() -> None:
    async with outside() as place:
        place.answers["/"] = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + reply(BODY)
        assert await Taker(settings_for(place)).take(f"http://127.0.0.1:{place.port}/") == BODY


async def test_an_endless_document_is_cut_off() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(8192))
            await writer.drain()

    async with outside() as place:
        place.answers["/"] = endless
        taker = Taker(settings_for(place))
        with pytest.raises(TooLarge, match="MAOOCR_LIMITS__MAX_BODY_BYTES"):
            await taker.take(f"http://127.0.0.1:{place.port}/")
    assert len(taker.got) <= LIMIT


async def test_an_announced_length_over_the_limit_is_refused_before_a_byte() -> None:
    async with outside() as place:
        place.answers["/"] = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc"
        taker = Taker(settings_for(place))
        with pytest.raises(TooLarge):
            await taker.take(f"http://127.0.0.1:{place.port}/")
    assert taker.got == b""


BROKEN = {
    "closes": b"",
    "not-http": b"\x16\x03\x01 hello\r\n\r\n",
    "banner": b"SSH-2.0-OpenSSH_9.0\r\n",
    "redis": b"-ERR unknown command\r\n",
    "http-0.9": b"hello",
    "half-a-head": b"HTTP/1.1 200 OK\r\nContent-",
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "negative-length": b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
    "word-length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc",
    "broken-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "half-a-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "huge-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\na",
    "gzip-transfer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "huge-header": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "many-headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000 + b"\r\n",
    "split-header": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
    "compressed": reply(gzip.compress(bytes(10_000_000)), "Content-Encoding: gzip"),
    "brotli": reply(b"x", "Content-Encoding: br"),
    "twice": reply(b"x", "Content-Encoding: identity, gzip"),
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "part": reply(b"abc", status="206 Partial Content"),
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "not-found": reply(b"SECRET", status="404 Not Found"),
    "login": reply(b"SECRET", "WWW-Authenticate: Basic", status="401 Unauthorized"),
    "fault": reply(b"SECRET", status="500 SECRET"),
    "to-nowhere": reply(b"", status="302 Found"),
    "to-no-url": redirect("http://exa mple/"),
    "to-a-file": redirect("file:///etc/passwd"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_is_a_plain_failure(name: str) -> None:
    async with outside() as place:
        place.answers["/"] = BROKEN[name]
        with pytest.raises(FetchFailed, match=r"^image_url: the server ") as caught:
            await Taker(settings_for(place)).take(f"http://127.0.0.1:{place.port}/")
    assert "SECRET" not in caught.value.message
    assert "passwd" not in caught.value.message


async def endless_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(1_000_000):
        writer.write(b"X: " + b"a" * 1000 + b"\r\n")
        await writer.drain()


async def test_a_head_without_an_end_is_cut_off() -> None:
    async with outside() as place:
        place.answers["/"] = endless_head
        with pytest.raises(FetchFailed):
            await Taker(settings_for(place)).take(f"http://127.0.0.1:{place.port}/")


async def nothing(writer: asyncio.StreamWriter) -> None:
    pass


async def half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


@pytest.mark.parametrize("answer", [nothing, half])
async def test_silence_ends_a_fetch(answer: "Outside") -> None:
    async with outside() as place:
        place.answers["/"] = answer  # type: ignore[assignment]
        settings = settings_for(place, idle_seconds=0.1)
        with pytest.raises(FetchFailed, match=r"0\.1 s \(MAOOCR_OUTBOUND__IDLE_SECONDS\)"):
            await Taker(settings).take(f"http://127.0.0.1:{place.port}/")


@pytest.mark.parametrize("answer", [nothing, half])
async def test_a_fetch_has_an_end_in_all(answer: "Outside") -> None:
    async with outside() as place:
        place.answers["/"] = answer  # type: ignore[assignment]
        settings = settings_for(place, fetch_seconds=0.2)
        with pytest.raises(DeadlineExceeded, match="MAOOCR_OUTBOUND__FETCH_SECONDS"):
            await Taker(settings).take(f"http://127.0.0.1:{place.port}/")
        await place.left.wait()


async def unreachable(taker: Taker, url: str) -> str:
    with pytest.raises(FetchFailed) as caught:
        await taker.take(url)
    return caught.value.message


async def test_whatever_is_out_of_reach_is_told_alike() -> None:
    async with outside() as place:
        pass
    settings = settings_for(place, connect_seconds=0.1)
    url = f"http://name.example:{place.port}/"
    told = {
        await unreachable(Taker(settings, Names()), url),
        await unreachable(Taker(settings, SilentNames()), url),
        await unreachable(Taker(settings, Names(name_example=["127.0.0.1"])), url),
        await unreachable(Taker(settings), f"https://127.0.0.1:{place.port}/"),
    }
    assert len(told) == 1
    assert "certificate" in told.pop()


async def test_the_next_address_is_tried_when_one_is_dead() -> None:
    async with outside() as place:
        place.answers["/"] = reply(BODY)
        settings = settings_for(place, allow="127.0.0.1,::1")
        names = Names(two_example=[["::1", "127.0.0.1"]])
        assert await Taker(settings, names).take(f"http://two.example:{place.port}/") == BODY


async def test_a_cancelled_fetch_closes_its_connection() -> None:
    async with outside() as place:
        place.answers["/"] = half
        task = asyncio.create_task(
            Taker(settings_for(place)).take(f"http://127.0.0.1:{place.port}/")
        )
        await place.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await place.left.wait()


async def test_a_fetch_waits_for_its_turn() -> None:
    async with outside() as place:
        place.answers |= {"/": half, "/good": reply(BODY)}
        taker = Taker(settings_for(place, fetches=1))
        url = f"http://127.0.0.1:{place.port}/"
        first = asyncio.create_task(taker.fetcher.fetch(url, ignored, client="anna"))
        await place.asked.wait()
        second = asyncio.create_task(taker.take(url + "good"))
        first.cancel()
        assert await second == BODY


async def test_a_turn_that_never_comes_is_told() -> None:
    async with outside() as place:
        taker = Taker(settings_for(place, fetches=1, fetch_seconds=0.1))
        async with taker.fetcher._turns.turn("ben"):
            with pytest.raises(Overloaded, match="MAOOCR_OUTBOUND__FETCHES") as caught:
                await taker.take(f"http://127.0.0.1:{place.port}/")
    assert caught.value.retry_after_s == 2.0
    assert place.connections == 0


async def test_fetches_are_counted_by_their_outcome() -> None:
    async with outside() as place:
        place.answers |= {"/": reply(BODY), "/half": half}
        taker = Taker(settings_for(place, fetch_seconds=0.2))
        url = f"http://127.0.0.1:{place.port}/"
        await taker.take(url)
        for other in ("http://10.0.0.1/", "nonsense", url + "half"):
            with pytest.raises(MaoOCRError):
                await taker.take(other)
    for outcome in ("ok", "forbidden", "invalid_request", "deadline_exceeded"):
        value = taker.metrics.registry.get_sample_value(
            "maoocr_fetch_seconds_count", {"outcome": outcome}
        )
        assert value == 1.0


async def ignored(chunk: bytes) -> None:
    pass


async def test_a_sink_that_fails_is_not_the_servers_fault() -> None:
    async with outside() as place:
        place.answers["/"] = reply(BODY)
        taker = Taker(settings_for(place))

        async def full(chunk: bytes) -> None:
            raise MaoOCRError("no room")

        with pytest.raises(MaoOCRError, match="no room"):
            await taker.fetcher.fetch(f"http://127.0.0.1:{place.port}/", full, client="anna")
