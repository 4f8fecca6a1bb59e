"""What stands around the panels: sources, variables, links, marks of restarts."""

from typing import Any

from .model import Variable

__all__ = ["LEDGER", "PROMETHEUS", "links", "restarts", "variable"]

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


def links() -> list[dict[str, Any]]:
    """To the other dashboards, and to where alerts are."""
    made = [
        {"title": "MaoOCR", "type": "dashboards", "tags": ["maoocr"], "asDropdown": True, "url": ""}
    ]
    pages = (("Alerts", "/prometheus/alerts"), ("Silences", "/alertmanager/#/silences"))
    made += [
        {"title": title, "type": "link", "url": url, "tags": [], "asDropdown": False}
        for title, url in pages
    ]
    return [
        one
        | {
            "icon": "external link",
            "includeVars": False,
            "keepTime": one["type"] == "dashboards",
            "targetBlank": False,
            "tooltip": "",
        }
        for one in made
    ]


def restarts() -> dict[str, Any]:
    """A mark wherever a gateway was started."""
    return {
        "name": "Gateway started",
        "datasource": PROMETHEUS,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "expr": 'changes(process_start_time_seconds{job="gateway"}[$__rate_interval]) > 0',
        "titleFormat": "Gateway started",
        "textFormat": "{{instance}}",
        "step": "30s",
    }
