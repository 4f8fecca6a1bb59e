"""Nginx's limits and the gateway's own agree, with the defaults and with other values."""

import subprocess

import pytest

from maoocr.settings import JobSettings, LimitSettings
from tests.house.checkout import ROOT

VALUES = ROOT / "nginx/start/12-maoocr-values.envsh"
HEADROOM_BYTES = 16 * 1024 * 1024
PATIENCE_S = 30


def values(**environment: str) -> dict[str, str]:
    """What the templates are filled in with."""
    done = subprocess.run(
        ["sh", "-euc", f'. "{VALUES}"; env'],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def test_by_default_they_are_those_of_the_gateway() -> None:
    limits, jobs = LimitSettings(), JobSettings()
    found = values()
    assert int(found["MAX_BODY_BYTES"]) == limits.max_body_bytes
    assert int(found["MAX_BODY"]) == limits.max_body_bytes + HEADROOM_BYTES
    assert int(found["JOBS_MAX_BODY_BYTES"]) == jobs.max_body_bytes
    assert int(found["JOBS_MAX_BODY"]) == jobs.max_body_bytes + HEADROOM_BYTES
    assert int(found["ANSWER_SECONDS"]) == limits.request_seconds + PATIENCE_S
    assert int(found["IDLE_SECONDS"]) == limits.upload_idle_seconds + PATIENCE_S


def test_settings_of_the_gateway_are_taken_over() -> None:
    found = values(
        MAOOCR_LIMITS__MAX_BODY_BYTES="1000000",
        MAOOCR_JOBS__MAX_BODY_BYTES="5000000000",
        MAOOCR_LIMITS__REQUEST_SECONDS="0.5",
        MAOOCR_LIMITS__UPLOAD_IDLE_SECONDS="",
    )
    assert int(found["MAX_BODY"]) == 1_000_000 + HEADROOM_BYTES
    assert int(found["JOBS_MAX_BODY"]) == 5_000_000_000 + HEADROOM_BYTES
    assert found["ANSWER_SECONDS"] == "31"
    assert found["IDLE_SECONDS"] == "45"


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({}, "SERVER_NAMES", "_"),
        ({"SERVER_NAME": "a.example b.example"}, "SERVER_NAMES", "localhost a.example b.example"),
        ({}, "HTTPS_SUFFIX", ""),
        ({"HTTPS_PORT": "443"}, "HTTPS_SUFFIX", ""),
        ({"HTTPS_PORT": "8443"}, "HTTPS_SUFFIX", ":8443"),
        ({}, "HSTS", "max-age=31536000"),
        ({"HSTS_SECONDS": "0"}, "HSTS", ""),
        ({}, "RATE_KEY", "$binary_remote_addr"),
        ({"RATE_PER_ADDRESS": "0"}, "RATE_KEY", '""'),
        ({"CONNECTIONS_PER_ADDRESS": "0"}, "CONNECTIONS_KEY", '""'),
    ],
)
def test_what_operators_set_becomes_what_nginx_reads(
    given: dict[str, str], name: str, value: str
) -> None:
    assert values(**given)[name] == value
