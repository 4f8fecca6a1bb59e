"""Names and sites that are the service's own, and those that are not."""

from typing import Any

import pytest

from maoocr.errors import Forbidden
from maoocr.settings import ServerSettings
from maoocr.web.hosts import host_name, require_own_name, require_own_site


def scope(kind: str = "http", method: str = "POST", **headers: str) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": kind, "method": method, "headers": raw}


def is_own_name(host: str, allowed: str = "", *, is_local: bool = True) -> bool:
    settings = ServerSettings(allowed_hosts=allowed, host="10.0.0.7")
    try:
        require_own_name(scope(host=host), settings, is_local=is_local)
    except Forbidden:
        return False
    return True


LOOPBACK = [
    "localhost",
    "LOCALHOST:8000",
    "localhost.",
    "ocr.localhost:80",
    "127.0.0.1",
    "127.8.8.8:9",
    "[::1]:8000",
    "[::1]",
    "10.0.0.7:8000",
]
STRANGE = [
    "evil.test",
    "evil.test:8000",
    "localhost.evil.test",
    "127.0.0.1.nip.test",
    "notlocalhost",
    "10.0.0.8",
    "[fe80::1]",
    "",
    "localhost:80:80",
    "evil.test@localhost:1:2",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_calls_the_service_by_its_loopback(host: str) -> None:
    assert is_own_name(host)


@pytest.mark.parametrize("host", STRANGE)
def test_a_name_that_came_to_mean_this_machine_is_refused(host: str) -> None:
    assert not is_own_name(host)


@pytest.mark.parametrize("host", LOOPBACK + STRANGE)
def test_behind_keys_every_name_will_do_unless_some_are_given(host: str) -> None:
    assert is_own_name(host, is_local=False)
    assert is_own_name(host, "*")
    assert not is_own_name(host, "ocr.example.com", is_local=False)


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("ocr.example.com", True),
        ("OCR.example.com:443", True),
        ("a.inner.test", True),
        ("b.a.inner.test", True),
        ("inner.test", False),
        ("xinner.test", False),
        ("localhost", False),
    ],
)
def test_names_that_are_given_are_the_only_ones(host: str, is_own: bool) -> None:
    assert is_own_name(host, "ocr.example.com, *.inner.test") is is_own


def test_a_refusal_names_the_setting() -> None:
    with pytest.raises(Forbidden, match="MAOOCR_SERVER__ALLOWED_HOSTS"):
        require_own_name(scope(host="evil.test"), ServerSettings(), is_local=True)


def test_who_names_no_host_is_no_browser() -> None:
    require_own_name(scope(), ServerSettings(), is_local=True)


def test_of_two_hosts_both_have_to_be_its_own() -> None:
    asked = scope()
    asked["headers"] = [(b"host", b"localhost"), (b"host", b"evil.test")]
    with pytest.raises(Forbidden):
        require_own_name(asked, ServerSettings(), is_local=True)


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "is_own"),
    [
        ("http://localhost:8000", "localhost:8000", "", True),
        ("https://OCR.test", "ocr.test", "", True),
        ("http://[::1]:8000", "[::1]:8000", "", True),
        ("https://ocr.test", "gateway:8000", "ocr.test, gateway", True),
        ("http://localhost:3000", "localhost:8000", "", False),
        ("https://evil.test", "localhost:8000", "", False),
        ("https://evil.test", "localhost:8000", "*", False),
        ("null", "localhost:8000", "", False),
        ("", "localhost:8000", "", False),
        ("file://", "", "", False),
        ("http://[::1", "localhost", "", False),
    ],
)
@pytest.mark.parametrize("kind", ["POST", "DELETE", "websocket"])
def test_only_a_page_of_its_own_changes_anything(
    origin: str, host: str, allowed: str, is_own: bool, kind: str
) -> None:
    settings = ServerSettings(allowed_hosts=allowed)
    headers = {"origin": origin, "host": host}
    asked = scope("websocket", **headers) if kind == "websocket" else scope(method=kind, **headers)
    if is_own:
        require_own_site(asked, settings)
    else:
        with pytest.raises(Forbidden, match="another site"):
            require_own_site(asked, settings)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_changes_nothing_may_be_asked_from_anywhere(method: str) -> None:
    asked = scope(method=method, origin="https://evil.test", host="localhost")
    require_own_site(asked, ServerSettings())


def test_a_name_stands_without_its_port() -> None:
    assert [host_name(host) for host in ("A.b:1", "[::1]:2", "::1", "x.")] == [
        "a.b",
        "::1",
        "::1",
        "x",
    ]
