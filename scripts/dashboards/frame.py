"""What stands around the panels: sources, variables, links, marks of restarts."""

from typing import Any

from .model import Variable

__all__ = ["LEDGER", "PROMETHEUS", "TAG", "link", "links", "restarts", "variable"]

TAG = "maoocr"

PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
LEDGER = {"type": "grafana-postgresql-datasource", "uid": "ledger"}


def variable(made: Variable) -> dict[str, Any]:
    """What can be picked at the top."""
    return {
        "name": made.name,
        "label": made.label,
        "type": "query",
        "datasource": PROMETHEUS,
        "query": {"query": made.query, "refId": made.name, "qryType": 1},
        "definition": made.query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
        "regex": "",
        "hide": 0,
        "skipUrlSync": False,
    }


def link(title: str, url: str, kind: str = "link") -> dict[str, Any]:
    """One link; of the kind `dashboards` to all of this project."""
    is_list = kind == "dashboards"
    return {
        "title": title,
        "type": kind,
        "url": url,
        "tags": [TAG] if is_list else [],
        "asDropdown": is_list,
        "icon": "external link",
        "includeVars": False,
        "keepTime": is_list,
        "targetBlank": False,
        "tooltip": "",
    }


def links() -> list[dict[str, Any]]:
    """To the other dashboards, and to where alerts are."""
    return [
        link("MaoOCR", "", "dashboards"),
        link("Alerts", "/prometheus/alerts"),
        link("Silences", "/alertmanager/#/silences"),
    ]


def restarts() -> dict[str, Any]:
    """A mark wherever a gateway was started."""
    return {
        "name": "Gateway started",
        "datasource": PROMETHEUS,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "target": {
            "refId": "Anno",
            "expr": 'process_start_time_seconds{job="gateway"} * 1000',
            "interval": "30s",
        },
        # The value is the moment, not the time at which it was scraped.
        "useValueForTime": True,
        "titleFormat": "Gateway started",
        "textFormat": "{{instance}}",
    }
