"""Listening for others without a key is refused, in a sentence that says what to do."""

from importlib import import_module

import pytest

from maoocr.cli.exposure import exposure
from maoocr.settings import AuthSettings, ServerSettings, Settings


def exposed(host: str, **auth: bool) -> str | None:
    server = ServerSettings(host=host)
    return exposure(Settings(_env_file=None, server=server, auth=AuthSettings(**auth)))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[bool | None]:
    """What the database says about keys."""
    said: list[bool | None] = [False]
    # By this way round: the package has a command of the same name.
    keys = import_module("maoocr.cli.keys")
    monkeypatch.setattr(keys, "were_keys_made", lambda settings: said[0])
    return said


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.3.2.1"])
def test_the_loopback_needs_no_key(made: list[bool | None], host: str) -> None:
    assert exposed(host) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])
def test_any_other_address_needs_one(made: list[bool | None], host: str) -> None:
    told = exposed(host)
    assert told is not None
    assert "maoocr keys create" in told
    assert "MAOOCR_AUTH__ALLOW_OPEN" in told
    assert exposed(host, allow_open=True) is None
    made[0] = True
    assert exposed(host) is None


def test_a_database_that_is_away_does_not_stop_the_start(made: list[bool | None]) -> None:
    made[0] = None
    assert exposed("0.0.0.0") is None
