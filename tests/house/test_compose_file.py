"""What `docker-compose.yml` promises of every container, read without Docker."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from maoocr.settings import ServerSettings
from tests.house.checkout import ROOT

FILE: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: Mapping[str, Any] = FILE["services"]
NAMES = sorted(SERVICES)
START = (ROOT / "docker-start.sh").read_text(encoding="utf-8")
SHARED = (ROOT / "scripts/docker.bash").read_text(encoding="utf-8")
WAYS_OUT = {"front": {"nginx"}, "outside": {"models", "alertmanager"}}
REACHED_BY = {
    "vllm": {"gateway", "prometheus"},
    "redis": {"gateway", "postgres", "grafana", "grafana-reader"}
    | {"redis-exporter", "postgres-exporter"},
    "postgres": {"gateway", "redis", "grafana", "grafana-reader"}
    | {"redis-exporter", "postgres-exporter"},
}
"""Who shares a network with what asks for no key, or for a password only."""

ASKED_AS_THEIR_IMAGES_SAY = {"gateway": "Dockerfile", "vllm": "Dockerfile.vllm"}
CANNOT_BE_ASKED = {"nginx-exporter"}
"""Its image holds one program and nothing that could ask it."""

AFTER_GRACE_S = 30


def words(variable: str) -> set[str]:
    """Words of a list in `scripts/docker.bash`."""
    (found,) = re.findall(rf'^readonly {variable}="([^"]*)"', SHARED, re.M)
    return set(found.split())


@pytest.mark.parametrize("name", NAMES)
def test_a_container_may_do_no_more_than_it_has_to(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True


@pytest.mark.parametrize("name", NAMES)
def test_a_container_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert "pids_limit" in service
    assert "mem_limit" in service
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@pytest.mark.parametrize("name", NAMES)
def test_a_container_is_started_again_unless_it_runs_once(name: str) -> None:
    once = name in words("ONCE")
    assert (SERVICES[name]["restart"] != "unless-stopped") is once


def test_only_nginx_publishes_ports() -> None:
    assert [name for name in NAMES if "ports" in SERVICES[name]] == ["nginx"]


def test_nobody_leaves_by_a_network_that_is_not_for_it() -> None:
    open_networks = {
        name for name, network in FILE["networks"].items() if not (network or {}).get("internal")
    }
    assert open_networks == set(WAYS_OUT)
    for network, users in WAYS_OUT.items():
        assert {n for n in NAMES if network in SERVICES[n].get("networks", ())} == users


@pytest.mark.parametrize("name", sorted(REACHED_BY))
def test_nobody_shares_a_network_with_it_who_need_not(name: str) -> None:
    networks = set(SERVICES[name]["networks"])
    assert all(FILE["networks"][network] == {"internal": True} for network in networks)
    sharing = {n for n in NAMES if networks & set(SERVICES[n].get("networks", ()))}
    assert sharing - {name} == REACHED_BY[name]


@pytest.mark.parametrize("name", sorted(set(NAMES) - words("ONCE")))
def test_a_container_that_runs_is_asked_how_it_is(name: str) -> None:
    if name in CANNOT_BE_ASKED:
        assert "healthcheck" not in SERVICES[name]
        scraped = (ROOT / "prometheus/prometheus.yml").read_text(encoding="utf-8")
        assert f'"{name}:' in scraped, "so that TargetDown tells when it is silent"
    elif name in ASKED_AS_THEIR_IMAGES_SAY:
        image = (ROOT / ASKED_AS_THEIR_IMAGES_SAY[name]).read_text(encoding="utf-8")
        assert re.search(r"^HEALTHCHECK .*\\\n +CMD ", image, re.M)
        assert "test" not in SERVICES[name].get("healthcheck", {})
    else:
        check = SERVICES[name]["healthcheck"]
        assert check["test"][0] in {"CMD", "CMD-SHELL"}
        assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


def test_no_secret_stands_in_an_environment() -> None:
    secret = re.compile(r"PASS|SECRET|TOKEN|KEY|_URL$")
    harmless = {"MAOOCR_VLM__URL", "MAOOCR_MODELS__HUB_URL", "PROMETHEUS_URL", "GF_SERVER_ROOT_URL"}
    for name in NAMES:
        for variable, value in (SERVICES[name].get("environment") or {}).items():
            if secret.search(variable.removesuffix("_FILE")) and variable not in harmless:
                assert value == "" or value.startswith("/run/secrets/"), (name, variable)


def test_every_secret_is_made_by_the_start() -> None:
    files = {re.sub(r"^.*/", "", secret["file"]) for secret in FILE["secrets"].values()}
    loops = re.findall(r"for name in ([\w \\\n]+); do\n\s+put_secret", START)
    made = {word for loop in loops for word in loop.replace("\\", " ").split()}
    made |= set(re.findall(r"put_secret ([\w.]+) ", START))
    assert files <= made
    assert made - files == {"webhook_secret"}


def test_a_gateway_has_the_time_for_its_end_that_its_settings_say() -> None:
    grace = SERVICES["gateway"]["stop_grace_period"]
    assert grace == f"${{GATEWAY_STOP_GRACE:-{ServerSettings().grace_s + AFTER_GRACE_S:.0f}s}}"


def test_what_the_scripts_name_is_there() -> None:
    assert words("ONCE") | words("OPTIONAL") <= set(NAMES)
