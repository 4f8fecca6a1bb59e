"""Requests forged through the server (SSRF): none of them reaches what is inside."""

import pytest
import trustme

from maoocr.errors import FetchFailed, Forbidden

from .outside import Names, Taker, certificate, outside, redirect, reply, settings_for, trust

pytestmark = pytest.mark.integration

BODY = b"inside"

NOTATIONS = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0x7f000001",
    "0x7f.1",
    "127.0.0.1.",
    "１２７.０.０.１",
    "127。0。0。1",
    "0.0.0.0",
    "0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::1]",
    "localhost.example",
)


@pytest.mark.parametrize("host", NOTATIONS)
async def test_no_notation_reaches_the_loopback(host: str) -> None:
    async with outside() as inside:
        inside.answers["/"] = reply(BODY)
        taker = Taker(settings_for(inside, allow=""), Names(localhost_example=["127.0.0.1"]))
        with pytest.raises(Forbidden, match="MAOOCR_OUTBOUND__ALLOW"):
            await taker.take(f"http://{host}:{inside.port}/")
    assert inside.connections == 0


@pytest.mark.parametrize("host", NOTATIONS)
async def test_no_redirect_reaches_the_loopback(host: str) -> None:
    host = host.encode("ascii", "ignore").decode() or "127.0.0.1"
    async with outside() as inside, outside() as place:
        inside.answers["/"] = reply(BODY)
        place.answers["/"] = redirect(f"http://{host}:{inside.port}/")
        names = Names(start_example=["127.0.0.1"], localhost_example=["127.0.0.1"])
        # Only the name is allowed: its address is refused wherever else it turns up.
        taker = Taker(settings_for(inside, place, allow="start.example"), names)
        with pytest.raises((Forbidden, FetchFailed)):
            await taker.take(f"http://start.example:{place.port}/")
    assert (place.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://100.100.100.200/latest/meta-data/",
        "http://168.63.129.16/",
        "http://2852039166/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "//10.0.0.1/",
        "http://127.0.0.1:6379/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_reaches_metadata(location: str, status: int) -> None:
    async with outside() as place:
        place.answers["/"] = redirect(location, status)
        names = Names(metadata_google_internal=["169.254.169.254"])
        taker = Taker(settings_for(place), names)
        with pytest.raises(Forbidden) as caught:
            await taker.take(f"http://127.0.0.1:{place.port}/")
    assert "169.254" not in caught.value.message
    assert "10.0.0.1" not in caught.value.message


async def test_one_inside_answer_among_many_is_enough_to_refuse() -> None:
    async with outside() as place:
        place.answers["/"] = reply(BODY)
        for answers in (["127.0.0.1", "10.0.0.1"], ["::1", "127.0.0.1"], ["8.8.8.8", "127.0.0.2"]):
            taker = Taker(settings_for(place), Names(many_example=[answers]))
            with pytest.raises(Forbidden):
                await taker.take(f"http://many.example:{place.port}/")
    assert place.connections == 0


async def test_a_name_that_answers_differently_the_second_time_is_asked_once() -> None:
    async with outside() as place:
        place.answers["/"] = reply(BODY)
        names = Names(rebound_example=["127.0.0.1", "127.0.0.66"])
        taker = Taker(settings_for(place), names)
        assert await taker.take(f"http://rebound.example:{place.port}/") == BODY
    assert names.asked == ["rebound.example"]


async def test_a_name_that_answers_differently_after_a_redirect_is_judged_anew() -> None:
    async with outside() as place:
        place.answers["/"] = redirect("/again")
        place.answers["/again"] = reply(BODY)
        names = Names(rebound_example=["127.0.0.1", "127.0.0.66"])
        with pytest.raises(Forbidden):
            await Taker(settings_for(place), names).take(f"http://rebound.example:{place.port}/")
    assert names.asked == ["rebound.example"] * 2
    assert place.connections == 1


async def test_a_circle_of_redirects_ends() -> None:
    async with outside() as place:
        place.answers["/"] = redirect("/")
        with pytest.raises(FetchFailed, match=r"3 times \(MAOOCR_OUTBOUND__MAX_REDIRECTS\)"):
            await Taker(settings_for(place)).take(f"http://127.0.0.1:{place.port}/")
    assert place.connections == 4


@pytest.mark.parametrize(("most", "reached"), [(0, False), (1, False), (2, True)])
async def test_redirects_are_counted(most: int, reached: bool) -> None:
    async with outside() as place:
        place.answers |= {"/": redirect("/1"), "/1": redirect("2"), "/2": reply(BODY)}
        taker = Taker(settings_for(place, max_redirects=most))
        url = f"http://127.0.0.1:{place.port}/"
        if reached:
            assert await taker.take(url) == BODY
        else:
            with pytest.raises(FetchFailed):
                await taker.take(url)


async def test_the_deny_list_refuses_a_name_before_it_is_looked_up() -> None:
    async with outside() as place:
        names = Names(a_evil_example=["127.0.0.1"])
        taker = Taker(settings_for(place, deny="*.evil.example"), names)
        with pytest.raises(Forbidden):
            await taker.take(f"http://a.evil.example:{place.port}/")
    assert names.asked == []


async def test_tls_is_verified_against_the_name_although_an_address_is_dialled() -> None:
    authority = trustme.CA()
    async with outside(certificate(authority, "good.example", "127.0.0.1")) as place:
        place.answers["/"] = reply(BODY)
        names = Names(good_example=["127.0.0.1"], other_example=["127.0.0.1"])
        settings = settings_for(place)
        for host in ("good.example", "127.0.0.1"):
            taker = Taker(settings, names, trust(authority))
            assert await taker.take(f"https://{host}:{place.port}/") == BODY
        assert place.requests[0].split(b"\r\n")[1] == f"Host: good.example:{place.port}".encode()
        for name, tls in (("other", trust(authority)), ("good", trust(trustme.CA()))):
            with pytest.raises(FetchFailed, match="certificate is not trusted"):
                await Taker(settings, names, tls).take(f"https://{name}.example:{place.port}/")
        assert len(place.requests) == 2


async def test_a_redirect_does_not_give_up_tls() -> None:
    authority = trustme.CA()
    async with outside(certificate(authority, "127.0.0.1")) as place, outside() as plain:
        plain.answers["/"] = reply(BODY)
        place.answers["/"] = redirect(f"http://127.0.0.1:{plain.port}/")
        taker = Taker(settings_for(place, plain), tls=trust(authority))
        with pytest.raises(Forbidden, match="from https to http"):
            await taker.take(f"https://127.0.0.1:{place.port}/")
        plain.answers["/up"] = redirect(f"https://127.0.0.1:{place.port}/document")
        place.answers["/document"] = reply(BODY)
        assert await taker.take(f"http://127.0.0.1:{plain.port}/up") == BODY
    assert plain.connections == 1


async def test_only_the_operator_learns_where_a_name_leads(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taker = Taker(settings_for(), Names(inside_example=["10.1.2.3"]))
    with pytest.raises(Forbidden) as caught:
        await taker.take("http://inside.example/")
    assert "10.1.2.3" not in caught.value.message
    assert [vars(record)["addresses"] for record in caplog.records] == ["10.1.2.3"]
