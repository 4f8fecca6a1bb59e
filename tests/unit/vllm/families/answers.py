"""The recorded answers: one file for each family, in the formats of its documentation."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from maoocr.vllm.families import Parsed, Sent, Task, family_named

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Recorded:
    family: str
    case: str
    task: Task
    sent: Sent
    answer: str
    expected: dict[str, Any]

    def parsed(self, answer: str | None = None) -> Parsed:
        text = self.answer if answer is None else answer
        return family_named(self.family, "").parse(text, self.task, self.sent)


@cache
def recorded() -> tuple[Recorded, ...]:
    found = []
    for path in sorted(DATA.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            size = entry.get("size", [1000, 1400])
            found.append(
                Recorded(
                    path.stem, entry["case"], entry["task"], Sent(*size), entry["answer"], entry
                )
            )
    return tuple(found)


def name_of(answer: Recorded) -> str:
    return f"{answer.family}: {answer.case}"
