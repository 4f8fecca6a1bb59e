"""The dashboards: as the code writes them, well-formed, and only about what is really measured."""

import configparser
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from scripts.dashboards import PAGES
from scripts.reference.metrics import metrics
from tests.house.checkout import ROOT

HOME = ROOT / "docker" / "grafana"
BOARDS = {path: json.loads((ROOT / path).read_text(encoding="utf-8")) for path in PAGES}
COLUMNS = 24
BUILT_IN = {"__rate_interval": "1m"}
OF_SQL = {"__timeFrom", "__timeTo"}
ADDED = {"instance", "job"}
"""Labels that Prometheus adds to whatever it scrapes."""
OF_HISTOGRAMS = ("_bucket", "_sum", "_count")

each_board = pytest.mark.parametrize("path", PAGES)


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, with the panel or the mark that asks it."""
    for path, board in BOARDS.items():
        for panel in panels(board):
            for target in panel["targets"]:
                if "expr" in target:
                    yield f"{Path(path).stem}: {panel['title']}", target["expr"]
        for mark in board["annotations"]["list"]:
            yield f"{Path(path).stem}: {mark['name']}", mark["target"]["expr"]


EXPRESSIONS = list(expressions())


def statements() -> dict[str, str]:
    """SQL by the title of its panel."""
    return {
        panel["title"]: target["rawSql"]
        for board in BOARDS.values()
        for panel in panels(board)
        for target in panel["targets"]
        if "rawSql" in target
    }


def filled(expression: str) -> str:
    """With a value for each variable."""
    return re.sub(r"\$(\w+)", lambda name: BUILT_IN.get(name[1], ".*"), expression)


@cache
def nodes(expression: str) -> list[promql.Expr]:
    found: list[promql.Expr] = []
    promql.walk(promql.parse(filled(expression)), found.append)
    return found


def selectors(expression: str) -> list[promql.VectorSelector]:
    found = []
    for node in nodes(expression):
        if isinstance(node, promql.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql.VectorSelector):
            found.append(node)
    return found


@cache
def own_metrics() -> dict[str, set[str]]:
    """Labels of every series of the gateways, by its name."""
    known: dict[str, set[str]] = {}
    for name, kind, labels, _ in metrics():
        if kind != "histogram":
            known[name] = set(labels)
        for part in OF_HISTOGRAMS if kind == "histogram" else ():
            known[name + part] = {*labels, "le"} if part == "_bucket" else set(labels)
    return known


@cache
def recorded() -> dict[str, list[str]]:
    """What Prometheus' rules record, and the alerts that there are."""
    found: dict[str, list[str]] = {"record": [], "alert": []}
    for path in sorted((ROOT / "prometheus" / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                kind = "record" if "record" in rule else "alert"
                found[kind].append(rule[kind])
    return found


@cache
def foreign_metrics() -> set[str]:
    """Names that the other programs were seen to have."""
    listed = (ROOT / "tests" / "data" / "metrics-of-others.txt").read_text(encoding="utf-8")
    return {line for line in listed.splitlines() if line and not line.startswith("#")}


@each_board
def test_the_file_is_as_the_code_writes_it(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path](), "run scripts/docs"


def test_there_is_no_other_file() -> None:
    there = {str(p.relative_to(ROOT)) for p in (HOME / "dashboards").iterdir()}
    assert there == set(PAGES)


def test_boards_have_names_of_their_own() -> None:
    for key in ("uid", "title"):
        assert max(Counter(board[key] for board in BOARDS.values()).values()) == 1
    assert all(board["id"] is None for board in BOARDS.values())


@each_board
def test_panels_stand_side_by_side(path: str) -> None:
    taken: Counter[tuple[int, int]] = Counter()
    for panel in BOARDS[path]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        for x in range(place["x"], place["x"] + place["w"]):
            taken.update((x, y) for y in range(place["y"], place["y"] + place["h"]))
    assert max(taken.values()) == 1


@each_board
def test_panels_and_their_queries_have_ids_of_their_own(path: str) -> None:
    ids = [panel["id"] for panel in BOARDS[path]["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels(BOARDS[path]):
        refs = [target["refId"] for target in panel["targets"]]
        assert refs
        assert len(refs) == len(set(refs))


@each_board
def test_every_panel_tells_what_it_shows(path: str) -> None:
    titles = Counter(panel["title"] for panel in panels(BOARDS[path]))
    for panel in panels(BOARDS[path]):
        assert panel["title"]
        assert panel["description"].split("\n")[0].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        values = [step["value"] for step in steps]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])
        several = panel["type"] in {"timeseries", "bargauge"} and len(panel["targets"]) > 1
        assert not several or all(t.get("legendFormat", "sql") for t in panel["targets"])
    assert max(titles.values()) == 1


@each_board
def test_variables_are_there(path: str) -> None:
    board = BOARDS[path]
    known = {one["name"] for one in board["templating"]["list"]} | set(BUILT_IN)
    asked = json.dumps([panel["targets"] for panel in panels(board)])
    used = set(re.findall(r"\$(\w+)", asked)) - OF_SQL
    assert used <= known
    assert known <= used | set(BUILT_IN)


def test_sources_are_those_that_are_provisioned() -> None:
    given = yaml.safe_load((HOME / "provisioning/datasources/datasources.yml").read_text())
    sources = {(one["uid"], one["type"]) for one in given["datasources"]}
    used = set()
    for board in BOARDS.values():
        for panel in panels(board):
            for one in (panel, *panel["targets"]):
                used.add((one["datasource"]["uid"], one["datasource"]["type"]))
    assert used == sources


@pytest.mark.parametrize(("panel", "expression"), EXPRESSIONS)
def test_an_expression_asks_for_what_is_measured(panel: str, expression: str) -> None:
    own, others = own_metrics(), foreign_metrics() | set(recorded()["record"])
    for selector in selectors(expression):
        name = selector.name or ""
        labels = {matcher.name for matcher in selector.matchers.matchers}
        if name.startswith("maoocr_"):
            assert name in own
            assert labels <= own[name] | ADDED
        else:
            assert name in others


@pytest.mark.parametrize(("panel", "expression"), EXPRESSIONS)
def test_an_expression_groups_by_labels_that_are_there(panel: str, expression: str) -> None:
    own = own_metrics()
    for node in nodes(expression):
        if not isinstance(node, promql.AggregateExpr) or node.modifier is None:
            continue
        below: list[promql.Expr] = []
        promql.walk(node.expr, below.append)
        names = [one.name or "" for one in below if isinstance(one, promql.VectorSelector)]
        for name in names:
            if name in own:
                assert set(node.modifier.labels) <= own[name] | ADDED


@pytest.mark.parametrize(("panel", "expression"), EXPRESSIONS)
def test_a_counter_is_asked_for_its_pace(panel: str, expression: str) -> None:
    for name in re.findall(r"\bmaoocr_\w+_total\b", expression):
        # That it is above zero may be asked as well: whether it ever happened.
        bare = rf"\b{name}\b(?:\{{[^}}]*\}})?(?![\w{{\[])(?!\) > 0)"
        assert not re.search(bare, expression)


def test_alerts_that_are_named_are_there() -> None:
    named = set()
    for board in BOARDS.values():
        for panel in panels(board):
            named.update(re.findall(r"docs/runbooks/(\w+)\.md", panel["description"]))
    assert named
    assert named <= set(recorded()["alert"])


def test_settings_that_are_named_are_there() -> None:
    settings = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    told = " ".join(p["description"] for b in BOARDS.values() for p in panels(b))
    named = set(re.findall(r"MAOOCR_\w+", told))
    assert named
    assert [name for name in sorted(named) if f"`{name}`" not in settings] == []


def test_grafana_tells_nobody() -> None:
    given = configparser.ConfigParser(interpolation=None, comment_prefixes=(";",))
    given.read(HOME / "grafana.ini", encoding="utf-8")
    off = {
        ("analytics", "reporting_enabled"),
        ("analytics", "check_for_updates"),
        ("analytics", "check_for_plugin_updates"),
        ("news", "news_feed_enabled"),
        ("snapshots", "external_enabled"),
        ("auth.anonymous", "enabled"),
        ("users", "allow_sign_up"),
    }
    assert {where for where in off if given.getboolean(*where)} == set()
    assert given.getboolean("plugins", "preinstall_disabled")
    assert given.getboolean("server", "serve_from_sub_path")
