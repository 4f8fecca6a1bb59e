"""What the service signs, a receiver can verify; anything else he sees through."""

import hashlib
import hmac

import pytest

from maoocr.client import verify_webhook
from maoocr.outbound.signature import sign

BODY = b'{"id":"1","status":"succeeded"}'
NOW = 1_800_000_000


def test_the_signature_is_as_it_is_documented() -> None:
    digest = hmac.new(b"word", b"1800000000." + BODY, hashlib.sha256).hexdigest()
    assert sign(BODY, "word", NOW) == f"t=1800000000,v1={digest}"


@pytest.mark.parametrize("drift_s", [-299, 0, 299])
def test_a_delivery_of_the_present_is_genuine(drift_s: int) -> None:
    assert verify_webhook(BODY, sign(BODY, "wörd", NOW), "wörd", now=NOW + drift_s)


def test_one_of_several_signatures_is_enough() -> None:
    signature = sign(BODY, "new", NOW) + "," + sign(BODY, "old", NOW).partition(",")[2]
    assert verify_webhook(BODY, signature, "old", now=NOW)
    assert verify_webhook(BODY, signature, "new", now=NOW)


@pytest.mark.parametrize(
    ("body", "secret", "now"),
    [
        (BODY + b" ", "word", NOW),
        (b"", "word", NOW),
        (BODY, "other", NOW),
        (BODY, "word", NOW + 301),
        (BODY, "word", NOW - 301),
    ],
)
def test_another_body_secret_or_time_is_seen_through(body: bytes, secret: str, now: int) -> None:
    assert not verify_webhook(body, sign(BODY, "word", NOW), secret, now=now)


GOOD = sign(BODY, "word", NOW)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1=",
        "t=,v1=",
        GOOD.partition(",")[0],
        GOOD.partition(",")[2],
        GOOD.replace("v1=", "v0="),
        GOOD.replace("t=", "t=1,t="),
        GOOD.replace("t=", "t=-"),
        GOOD.replace("t=1", "t=１"),
        GOOD[:-1],
        GOOD.upper(),
        "t=1800000000,v1=é",
        "t=1800000000,v1=\ud800",
        "t=" + "9" * 5000 + ",v1=0",
    ],
)
def test_a_broken_signature_is_no_signature(signature: str) -> None:
    assert not verify_webhook(BODY, signature, "word", now=NOW)


def test_the_present_is_the_default() -> None:
    assert not verify_webhook(BODY, sign(BODY, "word", 1_000_000_000), "word")
