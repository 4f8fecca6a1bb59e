"""A report: tables for a person, the same as JSON for a program."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .machine import ROOT, machine, versions
from .spread import Spread

__all__ = ["RESULTS", "Cell", "LinesMissed", "Report", "layout"]

RESULTS = ROOT / "bench" / "results"

Cell = str | float | int | Spread | None


class LinesMissed(Exception):
    """Figures are on the wrong side of their lines; the text names them."""


class Report:
    """Collects tables, prints each as it comes, and writes all of them at the end."""

    def __init__(self, name: str, arguments: Mapping[str, Any], folder: Path = RESULTS) -> None:
        """Begin it and print what it is measured on.

        Args:
            name: of the measurement.
            arguments: how it was called.
            folder: where it is written.
        """
        self._name = name
        self._folder = folder
        self._started = datetime.now(UTC)
        self._written: dict[str, Any] = {
            "name": name,
            "started": self._started.isoformat(timespec="seconds"),
            "arguments": {key: str(value) for key, value in arguments.items()},
            "machine": machine(),
            "versions": versions(),
            "tables": {},
            "lines": {},
        }
        self._lines: list[tuple[str, Cell, str, str]] = []
        print(f"== {name}  {' '.join(f'{k}={v}' for k, v in arguments.items())}")
        print("machine: ", ", ".join(f"{k} {v}" for k, v in self._written["machine"].items()))
        print("versions:", ", ".join(f"{k} {v}" for k, v in self._written["versions"].items()))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Add a table."""
        print(f"\n{title}")
        for line in layout(columns, rows):
            print(line)
        sys.stdout.flush()
        self._written["tables"][title] = [
            {name: _value(cell) for name, cell in zip(columns, row, strict=True)} for row in rows
        ]

    def at_least(self, what: str, value: float, limit: float) -> None:
        """Add a line that must be reached."""
        self._line(what, value, f">= {limit:g}", value >= limit)

    def at_most(self, what: str, value: float, limit: float) -> None:
        """Add a line that must not be crossed."""
        self._line(what, value, f"<= {limit:g}", value <= limit)

    def _line(self, what: str, value: float, wanted: str, holds: bool) -> None:
        self._lines.append((what, value, wanted, "holds" if holds else "MISSED"))
        self._written["lines"][what] = {"value": value, "wanted": wanted, "holds": holds}

    def finish(self) -> None:
        """Print the lines and write the JSON; the last thing that a measurement does.

        Raises:
            LinesMissed: not all lines hold; all is written nevertheless.
        """
        if self._lines:
            self.table("lines", ("line", "value", "wanted", "seen"), self._lines)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._name}-{self._started:%Y%m%dT%H%M%S}.json"
        path.write_text(json.dumps(self._written, indent=1, ensure_ascii=False), encoding="utf-8")
        print(f"\nwritten to {os.path.relpath(path, ROOT)}")
        missed = [what for what, line in self._written["lines"].items() if not line["holds"]]
        if missed:
            raise LinesMissed(", ".join(missed))


def layout(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """A table as lines of text; numbers stand to the right."""
    shown = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *shown, strict=True)]
    right = [any(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    lines = []
    for row in [list(columns), ["-" * width for width in widths], *shown]:
        cells = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        )
        lines.append("  ".join(cells).rstrip())
    return lines


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1000 else f"{cell:.0f}"
    return str(cell)


def _value(cell: Cell) -> Any:
    if isinstance(cell, Spread):
        return {"median": cell.median, "low": cell.low, "high": cell.high, "n": cell.count}
    return cell
