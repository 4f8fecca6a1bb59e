"""Dashboards as Grafana 11 reads them."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from .frame import LEDGER, PROMETHEUS, TAG, link, links, restarts, variable
from .looks import defaults, options
from .model import Board, Kind, Panel, Query, Row

__all__ = ["drawn"]

SCHEMA = 41
"""Of dashboards, in Grafana 11.6."""
COLUMNS = 24


def drawn(board: Board) -> dict[str, Any]:
    """A dashboard as it lies in its file."""
    return {
        "uid": board.uid,
        "title": f"MaoOCR: {board.title}",
        "description": board.about,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "id": None,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s" if board.since == "now-3h" else "5m",
        "time": {"from": board.since, "to": "now"},
        "timezone": "browser",
        "timepicker": {},
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "preload": False,
        "links": links(),
        "annotations": {"list": [restarts()]},
        "templating": {"list": [variable(one) for one in board.variables]},
        "panels": _laid_out(board.rows),
    }


def _laid_out(rows: Sequence[Row]) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
        )
        y, x, highest = y + 1, 0, 0
        for panel in row.panels:
            width, height = _size(panel)
            if x + width > COLUMNS:
                y, x, highest = y + highest, 0, 0
            place = {"x": x, "y": y, "w": width, "h": height}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_panel(panel)})
            x, highest = x + width, max(highest, height)
        y += highest
    return panels


def _size(panel: Panel) -> tuple[int, int]:
    usual, height = (4, 4) if panel.kind == "stat" else (8, 8)
    return panel.width or usual, height


def _panel(panel: Panel) -> dict[str, Any]:
    about = panel.about
    if panel.alerts:
        pages = ", ".join(f"docs/runbooks/{alert}.md" for alert in panel.alerts)
        about += f"\n\nWhat to do: {pages}"
    is_sql = panel.queries[0].is_sql
    made = {
        "type": panel.kind,
        "title": panel.title,
        "description": about,
        "datasource": LEDGER if is_sql else PROMETHEUS,
        "targets": [
            _target(query, name, panel.kind)
            for name, query in zip(ascii_uppercase, panel.queries, strict=False)
        ],
        "fieldConfig": {"defaults": defaults(panel), "overrides": _overrides(panel)},
        "options": options(panel),
        "transformations": _transformations(panel),
    }
    if panel.link:
        made["links"] = [link("Open", panel.link)]
    return made


def _target(query: Query, name: str, kind: Kind) -> dict[str, Any]:
    if query.is_sql:
        return {
            "refId": name,
            "datasource": LEDGER,
            "format": "time_series" if query.over_time else "table",
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": query.text,
        }
    is_instant = kind in {"stat", "table", "bargauge"}
    formats = {"table": "table", "heatmap": "heatmap"}
    return {
        "refId": name,
        "datasource": PROMETHEUS,
        "expr": query.text,
        "legendFormat": query.legend,
        "editorMode": "code",
        "format": formats.get(kind, "time_series"),
        "instant": is_instant,
        "range": not is_instant,
    }


def _overrides(panel: Panel) -> list[dict[str, Any]]:
    return [
        {
            "matcher": {"id": "byName", "options": heading},
            "properties": [{"id": "unit", "value": unit}],
        }
        for heading, unit in panel.units.items()
    ]


def _transformations(panel: Panel) -> list[dict[str, Any]]:
    if panel.kind != "table" or panel.queries[0].is_sql:
        return []
    steps: list[dict[str, Any]] = []
    if len(panel.queries) > 1:
        steps.append({"id": "merge", "options": {}})
    names = list(panel.columns)
    steps.append({"id": "filterFieldsByName", "options": {"include": {"names": names}}})
    order = {name: place for place, name in enumerate(names)}
    options = {"indexByName": order, "renameByName": panel.columns, "excludeByName": {}}
    steps.append({"id": "organize", "options": options})
    return steps
