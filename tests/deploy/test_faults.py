"""`kill -9` of what the service lives by, under load: who is hurt, and for how long."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.deploy.load import Answer, Load, assert_all_kept
from tests.deploy.stack import HEALTHY_S, Stack

GATEWAYS = 3
CALLERS = 3
BEFORE = 6
"""Answers, before something is killed and after it is well."""
RECOVERS_S = 300.0
TAKES_S = 1.0
"""In which a death is seen by those who stand before the dead."""


@dataclass(frozen=True)
class Fault:
    """A line of the table."""

    killed: str
    heals_s: float
    kept: int
    clients_saw: str


@pytest.fixture(scope="module")
def table() -> Iterator[list[Fault]]:
    faults: list[Fault] = []
    yield faults
    lines = [
        "| Killed | Healthy again after | Read and kept | Clients saw |",
        "| --- | --- | --- | --- |",
        *(f"| {f.killed} | {f.heals_s:.1f} s | {f.kept} | {f.clients_saw} |" for f in faults),
    ]
    sys.stdout.write("\n\n" + "\n".join(lines) + "\n")


@pytest.fixture
def three(stack: Stack) -> Stack:
    """The stack with three gateways, whatever the death before has left."""
    stack.scale(GATEWAYS)
    stack.wait_until_well(RECOVERS_S)
    return stack


@pytest.mark.parametrize(
    ("service", "number"),
    [("gateway", 0), ("gateway", 1), ("gateway", 2), ("redis", 0), ("postgres", 0), ("nginx", 0)],
)
def test_a_death_hurts_nobody_but_those_in_flight_and_heals_by_itself(
    three: Stack, table: list[Fault], patience: float, service: str, number: int
) -> None:
    victim = three.containers(service)[number]
    restarts = three.restarts(victim)
    # Over new connections: Nginx may end kept ones whenever gateways come and go.
    with Load(three, CALLERS, keeps=False) as load:
        load.wait_for_answers(BEFORE)
        killed_at = time.monotonic()
        three.kill(victim)
        three.wait_until_restarted(victim, restarts + 1)
        three.wait_until_well(HEALTHY_S * patience)
        heals_s = time.monotonic() - killed_at
        load.wait_for_answers(BEFORE)
    well_at = killed_at + heals_s

    assert heals_s < HEALTHY_S * patience
    hurt = load.failed
    if service == "nginx":
        assert_broken_while_away(hurt, well_at)
    elif service == "gateway":
        assert_told_that_the_request_is_lost(hurt, killed_at)
    else:
        assert hurt == [], "What is not in the way of an answer may be away."
    load.assert_nobody_got_anothers_text()
    three.wait_until_journal_is_empty()
    assert_all_kept(three, load.read)
    table.append(Fault(victim.name, heals_s, len(load.read), load.outcomes))


def assert_told_that_the_request_is_lost(hurt: list[Answer], killed_at: float) -> None:
    """Only requests that were on their way when the gateway died, each in the one error body."""
    assert len(hurt) <= CALLERS
    for answer in hurt:
        assert answer.began <= killed_at + TAKES_S
        assert answer.status in (502, 503), answer
        assert answer.error.get("retryable") is True, answer


def assert_broken_while_away(hurt: list[Answer], well_at: float) -> None:
    """No connection, or one that breaks, and never half an answer for a whole one."""
    for answer in hurt:
        assert answer.status == 0, answer
        assert answer.began <= well_at
