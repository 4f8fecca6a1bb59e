"""Webhooks: signed, under the same policy, and never longer than they may be."""

import asyncio

import pytest

from maoocr.client import verify_webhook
from maoocr.errors import Forbidden, InvalidRequest
from maoocr.outbound.addresses import Policy
from maoocr.outbound.post import Poster, poster_of
from maoocr.settings import OutboundSettings, Settings

from .outside import Names, outside, redirect, reply, settings_for, trust

pytestmark = pytest.mark.integration

BODY = b'{"id":"1"}'
NOW = 1_800_000_000


def poster(settings: OutboundSettings, names: Names | None = None) -> Poster:
    policy = Policy.from_lists(settings.allow, settings.deny)
    return Poster(policy, names or Names(), settings, trust(), now=lambda: NOW)


async def test_a_delivery_is_signed_and_whole() -> None:
    async with outside() as place:
        place.answers["/hook"] = reply(b"thanks", status="202 Accepted")
        names = Names(hook_example=["127.0.0.1"])
        url = f"http://hook.example:{place.port}/hook?x=1"
        delivery = await poster(settings_for(place), names).post(url, BODY, "word")
    assert (delivery.status, delivery.reason, delivery.succeeded) == (202, "", True)
    head, _, body = place.requests[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert head.startswith(b"POST /hook?x=1 HTTP/1.1")
    assert (body, headers["Content-Type"]) == (BODY, "application/json")
    assert headers["Host"] == f"hook.example:{place.port}"
    assert verify_webhook(body, headers["X-MaoOCR-Signature"], "word", now=NOW)


async def test_a_redirect_is_not_followed() -> None:
    async with outside() as place:
        place.answers["/"] = redirect("/other", 307)
        url = f"http://127.0.0.1:{place.port}/"
        delivery = await poster(settings_for(place)).post(url, BODY, "word")
    assert (delivery.status, delivery.succeeded) == (307, False)
    assert "not followed" in delivery.reason
    assert place.connections == 1


@pytest.mark.parametrize("status", ["404 Not Found", "500 SECRET", "410 Gone"])
async def test_a_refusal_is_told_by_its_status_alone(status: str) -> None:
    async with outside() as place:
        place.answers["/"] = reply(b"SECRET", status=status)
        url = f"http://127.0.0.1:{place.port}/"
        delivery = await poster(settings_for(place)).post(url, BODY, "word")
    assert delivery.status == int(status[:3])
    assert "SECRET" not in delivery.reason


async def test_an_endless_answer_is_dropped() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(8192))
            await writer.drain()

    async with outside() as place:
        place.answers["/"] = endless
        url = f"http://127.0.0.1:{place.port}/"
        assert (await poster(settings_for(place)).post(url, BODY, "word")).succeeded


async def silence(writer: asyncio.StreamWriter) -> None:
    pass


async def test_a_silent_receiver_is_given_up() -> None:
    async with outside() as place:
        place.answers["/"] = silence
        url = f"http://127.0.0.1:{place.port}/"
        settings = settings_for(place, webhook_seconds=0.1)
        delivery = await poster(settings).post(url, BODY, "word")
        await place.left.wait()
    assert delivery.status is None
    assert "0.1 s (MAOOCR_OUTBOUND__WEBHOOK_SECONDS)" in delivery.reason


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://inside.example/",
        "http://127.0.0.1:22/",
        "file:///etc/passwd",
        "nonsense",
    ],
)
async def test_no_delivery_goes_inside(url: str) -> None:
    async with outside() as place:
        names = Names(inside_example=["192.168.0.1"])
        delivery = await poster(settings_for(place, allow=""), names).post(url, BODY, "word")
        assert delivery.status is None
        assert delivery.reason.startswith("webhook_url: ")
        with pytest.raises((Forbidden, InvalidRequest)):
            await poster(settings_for(place, allow=""), names).check(url)


async def test_a_receiver_that_is_away_passes_the_check_and_fails_the_delivery() -> None:
    async with outside() as place:
        pass
    url = f"http://away.example:{place.port}/"
    await poster(settings_for(place)).check(url)
    delivery = await poster(settings_for(place)).post(url, BODY, "word")
    assert (delivery.status, "cannot be reached" in delivery.reason) == (None, True)


async def test_the_poster_of_the_settings_has_their_policy() -> None:
    settings = Settings(outbound=OutboundSettings(allow="127.0.0.1", ports="1"))
    await poster_of(settings).check("http://127.0.0.1:1/")
    with pytest.raises(Forbidden):
        await poster_of(settings).check("http://127.0.0.2:1/")
