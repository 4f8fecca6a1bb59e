"""What a dashboard asks and tells. How Grafana wants that written is the business of `drawing`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "Board",
    "Kind",
    "Panel",
    "Query",
    "Row",
    "Unit",
    "Variable",
    "heat",
    "or_none",
    "per_second",
    "quantile",
]

Kind = Literal["timeseries", "stat", "table", "heatmap", "bargauge"]
Shape = Literal["lines", "stack", "percent", "bars"]
Unit = Literal[
    "s",
    "reqps",
    "percentunit",
    "short",
    "bytes",
    "Bps",
    "none",
    "pps",
    "celsius",
    "watt",
    "percent",
    "hertz",
    "bool",
    "iops",
]


@dataclass(frozen=True, slots=True)
class Query:
    """One question to a source.

    Attributes:
        text: PromQL, or SQL.
        legend: with `{{label}}` for values.
        is_sql: of the ledger.
        over_time: of SQL: rows with a column `time`.
    """

    text: str
    legend: str = ""
    is_sql: bool = False
    over_time: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: a question, or what it shows.
        about: how to read it, as sentences.
        limits: from which value on it is bad, or doubtful and bad; the other way round with
            `low_is_bad`.
        alerts: that watch the same; each has a runbook.
        columns: of a table: labels or columns with their headings; others are left out.
        units: of columns, by heading.
        width: of the 24 columns; 0 is as usual for its kind.
        top: the scale ends there.
    """

    title: str
    about: str
    queries: Sequence[Query]
    unit: Unit = "short"
    kind: Kind = "timeseries"
    width: int = 0
    shape: Shape = "lines"
    limits: Sequence[float] = ()
    low_is_bad: bool = False
    alerts: Sequence[str] = ()
    columns: dict[str, str] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    top: float | None = None
    decimals: int | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, from the left, as many beside each other as find room."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """What can be picked at the top: values of a label, all at first."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    about: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()
    since: str = "now-3h"


def per_second(counter: str, *by: str, where: str = "") -> str:
    """How often per second, summed over all but the labels."""
    return f"sum{_by(by)}(rate({counter}{_where(where)}[$__rate_interval]))"


def quantile(share: float, histogram: str, *by: str, where: str = "") -> str:
    """The value below which a share of all observations lies."""
    buckets = f"rate({histogram}_bucket{_where(where)}[$__rate_interval])"
    return f"histogram_quantile({share:g}, sum{_by((*by, 'le'))}({buckets}))"


def heat(histogram: str, where: str) -> str:
    """How many observations fell into each bucket."""
    return f"sum by (le) (increase({histogram}_bucket{{{where}}}[$__rate_interval]))"


def or_none(expression: str, *labels: str) -> str:
    """The same, and a zero called `none` where nothing of it ever happened."""
    zero = "vector(0)"
    for label in labels:
        zero = f'label_replace({zero}, "{label}", "none", "", "")'
    return f"{expression} or on () {zero}"


def _by(labels: Sequence[str]) -> str:
    return f" by ({', '.join(labels)}) " if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""
