"""Does each caller get his own text? Images with unique tokens, while lanes may be killed."""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
from rapidfuzz.distance import Levenshtein

from .load import Answer, closed_loop, recognize_request
from .pictures import random_token, token_picture
from .processes import lanes_of
from .report import Cell, Report
from .server import Server
from .spread import percentile

__all__ = ["contamination", "judge"]

MISREAD_EDITS = 4
"""Tokens differ in many more of their sixteen digits."""


@dataclass(slots=True)
class _Seen:
    verdicts: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)


def judge(token: str, text: str) -> str:
    """Is a text that of the token: `own`, `misread` (nearly) or `wrong`."""
    wanted, found = ("".join(each.split()) for each in (token, text))
    if wanted == found:
        return "own"
    return "misread" if Levenshtein.distance(wanted, found) <= MISREAD_EDITS else "wrong"


async def contamination(*, requests: int, concurrency: int, kill_s: float, seed: int) -> None:
    """Send unique images and compare each answer with what was on the image.

    Args:
        requests: how many.
        concurrency: at once.
        kill_s: mean seconds between two kills of a lane, at random moments; 0 kills none.
        seed: of the tokens.
    """
    given = {"requests": requests, "concurrency": concurrency, "kill_s": kill_s, "seed": seed}
    report = Report("contamination", given)
    source = random.Random(seed)
    tokens = list(dict.fromkeys(random_token(source) for _ in range(requests)))
    seen = _Seen()

    def take(token: str, answer: Answer) -> None:
        seen.seconds.append(answer.seconds)
        verdict = f"lost: {answer.status}"
        if answer.status == 200:
            verdict = judge(token, answer.json()["text"])
        seen.verdicts[verdict] += 1
        if verdict != "own" and len(seen.examples) < 10:
            seen.examples.append(f"{token}: {answer.status} {answer.body[:160]!r}")

    with Server() as server:
        killer = _Killer(server, kill_s, source)
        killing = asyncio.ensure_future(killer.run())
        started = time.monotonic()
        refused = await closed_loop(
            server.port,
            tokens,
            lambda token: recognize_request(token_picture(token)),
            take,
            concurrency=concurrency,
        )
        took = time.monotonic() - started
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await killing
    print("\n".join(seen.examples))
    wrong = seen.verdicts["wrong"]
    lost = len(tokens) - seen.verdicts["own"] - seen.verdicts["misread"] - wrong
    verdicts: list[list[Cell]] = [[name, number] for name, number in seen.verdicts.most_common()]
    report.table(
        "answers",
        ("what", "value"),
        [
            *verdicts,
            ["answered 429 and asked again", refused],
            ["lanes killed", killer.killed],
            ["requests/s", len(tokens) / took],
            ["p50 s", percentile(seen.seconds, 50)],
            ["p99 s", percentile(seen.seconds, 99)],
        ],
    )
    report.at_most("wrong", wrong, 0)
    report.at_most("lost", lost, 0)
    report.finish()


class _Killer:
    """Kills a lane now and then, whichever it is and whatever it does."""

    def __init__(self, server: Server, mean_s: float, chance: random.Random) -> None:
        self._server = server
        self._mean_s = mean_s
        self._chance = random.Random(chance.random())
        self.killed = 0

    async def run(self) -> None:
        while self._mean_s:
            await asyncio.sleep(self._chance.expovariate(1 / self._mean_s))
            lanes = lanes_of(self._server.pid)
            if lanes:
                with suppress(psutil.NoSuchProcess):
                    self._chance.choice(lanes).kill()
                    self.killed += 1
