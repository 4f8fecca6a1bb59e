"""How values are shown: scales, limits, legends."""

from typing import Any

from .model import Panel

__all__ = ["defaults", "options"]

_COLOURS = ("green", "yellow", "red")


def defaults(panel: Panel) -> dict[str, Any]:
    """Of all fields of a panel."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limits:
        colours = _COLOURS[1:] if len(panel.limits) == 2 else _COLOURS[2:]
        steps += [{"color": c, "value": v} for c, v in zip(colours, panel.limits, strict=True)]
        if panel.low_is_bad:
            bad = [*reversed(colours), "green"]
            values = [None, *sorted(panel.limits)]
            steps = [{"color": c, "value": v} for c, v in zip(bad, values, strict=True)]
    made: dict[str, Any] = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": {},
        "noValue": "-",
    }
    if panel.kind in {"stat", "bargauge"}:
        made["color"] = {"mode": "thresholds"}
    if panel.kind == "timeseries":
        made |= {"color": {"mode": "palette-classic"}, "custom": _drawn(panel)}
    if panel.kind != "table":
        made["min"] = 0
    if panel.top is not None:
        made["max"] = panel.top
    if panel.decimals is not None:
        made["decimals"] = panel.decimals
    return made


def options(panel: Panel) -> dict[str, Any]:
    """Of the kind of panel."""
    return _OPTIONS[panel.kind](panel)


def _drawn(panel: Panel) -> dict[str, Any]:
    is_stacked = panel.shape != "lines"
    stacking = {"lines": "none", "percent": "percent"}.get(panel.shape, "normal")
    return {
        "drawStyle": "bars" if panel.shape == "bars" else "line",
        "lineWidth": 1,
        "fillOpacity": {"lines": 5, "bars": 80}.get(panel.shape, 40),
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": stacking, "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.limits and not is_stacked else "off"},
    }


def _of_lines(panel: Panel) -> dict[str, Any]:
    return {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["mean", "max", "lastNotNull"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _of_number(panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background" if panel.limits else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
    }


def _of_bars(panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
    }


def _of_table(panel: Panel) -> dict[str, Any]:
    return {"showHeader": True, "cellHeight": "sm", "frameIndex": 0}


def _of_heat(panel: Panel) -> dict[str, Any]:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5},
        "yAxis": {"unit": panel.unit, "axisPlacement": "left"},
        "rowsFrame": {"layout": "auto"},
        "cellValues": {"unit": "short"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
    }


_OPTIONS = {
    "timeseries": _of_lines,
    "stat": _of_number,
    "bargauge": _of_bars,
    "table": _of_table,
    "heatmap": _of_heat,
}
