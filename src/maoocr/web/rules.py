"""Which scope each path needs: the one table.

With API keys made, a path that is not in it does not exist; a test asks that every route is.
"""

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["PUBLIC", "RULES", "Rule", "rule_of"]

Need = Literal["nothing", "a key", "recognize", "jobs", "history", "v1", "admin"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a path asks of its caller.

    Attributes:
        path: as the route has it; stands for it in the log and the metrics.
        need: a scope, `a key` with any scope, or `nothing`.
        reads: documents come this way, so it is closed when the pages of the month are used up.
    """

    path: str
    need: Need
    reads: bool = False

    @property
    def scope(self) -> str | None:
        """The scope that the key must have."""
        return None if self.need in {"nothing", "a key"} else self.need


RULES: tuple[Rule, ...] = (
    Rule("/", "nothing"),
    Rule("/sw.js", "nothing"),
    Rule("/static/{path:path}", "nothing"),
    Rule("/docs", "nothing"),
    Rule("/docs/assets/{path:path}", "nothing"),
    Rule("/openapi.json", "nothing"),
    Rule("/livez", "nothing"),
    Rule("/readyz", "nothing"),
    Rule("/health", "nothing"),
    Rule("/api/v1/monitoring/health", "nothing"),
    Rule("/metrics", "nothing"),
    Rule("/api/ocr/options", "nothing"),
    Rule("/api/ocr/engines", "a key"),
    Rule("/api/ocr/engines/{name}/load", "admin"),
    Rule("/api/ocr/engines/{name}/unload", "admin"),
    Rule("/api/ocr/recognize", "recognize", reads=True),
    Rule("/api/ocr/recognize-with-requirements", "recognize", reads=True),
    Rule("/ws/ocr", "recognize", reads=True),
    Rule("/api/ocr/history", "history"),
    Rule("/api/ocr/history/{id}", "history"),
    Rule("/api/ocr/history/{id}/export", "history"),
    Rule("/api/ocr/history/{id}/thumbnail", "history"),
    Rule("/api/ocr/history/{id}/original", "history"),
    Rule("/api/ocr/jobs", "jobs", reads=True),
    Rule("/api/ocr/jobs/{id}", "jobs"),
    Rule("/api/ocr/jobs/{id}/results", "jobs"),
    Rule("/api/ocr/jobs/{id}/events", "jobs"),
    Rule("/ws/ocr/jobs/{id}", "jobs"),
    Rule("/v1/models", "v1"),
    Rule("/v1/models/{id:path}", "v1"),
    Rule("/v1/chat/completions", "v1", reads=True),
    Rule("/api/ocr/cache/{key}", "admin"),
    Rule("/api/keys", "admin"),
    Rule("/api/keys/{id}", "admin"),
    Rule("/api/usage", "a key"),
    Rule("/api/ocr/costs", "a key"),
)

PUBLIC = frozenset(rule.path for rule in RULES if rule.need == "nothing")


def rule_of(path: str) -> Rule | None:
    """The rule of a path as it was asked for; None when there is none."""
    rule = _EXACT.get(path)
    if rule is not None:
        return rule
    found = _TEMPLATES.fullmatch(path)
    # The groups are numbered as the rules are.
    return None if found is None or found.lastindex is None else _OPEN[found.lastindex - 1]


def _pattern(path: str) -> str:
    parts = re.split(r"\{\w+(:path)?\}", path)
    # Every second part is what the split has kept: whether slashes may follow.
    return "".join(
        re.escape(part or "") if at % 2 == 0 else (".*" if part else "[^/]+")
        for at, part in enumerate(parts)
    )


_OPEN = tuple(rule for rule in RULES if "{" in rule.path)
_EXACT = {rule.path: rule for rule in RULES if "{" not in rule.path}
_TEMPLATES = re.compile("|".join(f"({_pattern(rule.path)})" for rule in _OPEN), re.DOTALL)
