"""Each alert can be acted on: a sentence, a runbook, a test, and metrics that there are."""

import re
from functools import cache
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from maoocr.telemetry.metrics import Metrics
from scripts.reference.metrics import metrics
from tests.house.checkout import ROOT
from tests.house.foreign_metrics import FOREIGN_METRICS

PROMETHEUS = ROOT / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
SEVERITIES = {"critical", "warning", "none"}
PAGES_WITHOUT_AN_ALERT = {"README", "drills"}
WORDS = {"and", "bool", "by", "count", "group_left", "ignoring", "offset", "on", "or", "unless"}
SERIES = ("", "_bucket", "_sum", "_count")


@cache
def rules() -> tuple[dict[str, Any], ...]:
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return tuple(rule for each in documents for group in each["groups"] for rule in group["rules"])


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


@cache
def checked_cases() -> tuple[dict[str, Any], ...]:
    files = sorted((PROMETHEUS / "tests").glob("*.yml"))
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return tuple(test for each in documents for test in each["tests"])


def names_in(expression: str) -> set[str]:
    """Metrics in a PromQL expression: what is left without strings, labels, windows, functions."""
    left = re.sub(r'"[^"]*"', "", expression)
    left = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", left)
    left = re.sub(r"\b(by|on|ignoring|without|group_left)\s*\([^)]*\)", " ", left)
    names = re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])", left)
    return {name for name in names if name not in WORDS and not re.fullmatch(r"\d+[a-z]", name)}


def known() -> set[str]:
    ours = {name + series for name, _, _, _ in metrics() for series in SERIES}
    process = {"process_start_time_seconds", "process_resident_memory_bytes"}
    return ours | process | RECORDED | set().union(*FOREIGN_METRICS.values())


def checks_of(alert: str) -> list[dict[str, Any]]:
    return [
        check
        for test in checked_cases()
        for check in test.get("alert_rule_test", ())
        if check["alertname"] == alert
    ]


def test_names_are_found_in_expressions() -> None:
    found = names_in(
        'sum by (a) (rate(b:c{d="e or f"}[5m])) / on () (g_total offset 1h) > 0.5 or h'
    )
    assert found == {"b:c", "g_total", "h"}


def test_an_alert_has_a_name_of_its_own() -> None:
    names = [alert["alert"] for alert in ALERTS]
    assert names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_and_what(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in SEVERITIES
    summary = alert["annotations"]["summary"]
    assert re.fullmatch(r"[A-Z0-9{].*[.)]", summary), summary


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_has_its_runbook(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert headings == ["Look first", "Causes", "It is over when", "Drill"]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_is_seen_to_fire_in_a_test_and_not_to(alert: dict[str, Any]) -> None:
    checks = checks_of(alert["alert"])
    assert any(check.get("exp_alerts") for check in checks)
    if alert["alert"] != "Watchdog":
        assert any(not check.get("exp_alerts") for check in checks)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_for_metrics_that_there_are(rule: dict[str, Any]) -> None:
    assert names_in(rule["expr"]) - known() == set()


def test_a_rule_asks_for_labels_that_our_metrics_have() -> None:
    labels = {name: set(of) for name, _, of, _ in metrics()}
    wrong = []
    for rule in rules():
        for name, inside in re.findall(r"(maoocr_\w+?)\{([^}]*)\}", rule["expr"]):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            asked = set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', inside))
            if asked - labels.get(base, set()) - {"le", "job", "instance"}:
                wrong.append((name, asked))
    assert wrong == []


def test_every_runbook_belongs_to_an_alert_and_stands_in_the_index_and_among_the_drills() -> None:
    names = {alert["alert"] for alert in ALERTS}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - PAGES_WITHOUT_AN_ALERT == names
    for page in PAGES_WITHOUT_AN_ALERT:
        told = set(
            re.findall(r"^\| \[(\w+)\]\(\1\.md\) \|", (RUNBOOKS / f"{page}.md").read_text(), re.M)
        )
        assert told == names, page


def test_what_inhibits_and_is_inhibited_are_alerts() -> None:
    config = yaml.safe_load((PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8"))
    matchers = [
        matcher
        for rule in config["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
    ]
    named = {name for m in matchers for name in re.sub(r'alertname\s*=~?\s*|"', "", m).split("|")}
    assert named - {alert["alert"] for alert in ALERTS} == set()


def test_buckets_of_the_objective_are_measured() -> None:
    """Without a bucket `le="10.0"` the objective of latency would be held against nothing."""
    metrics_of = Metrics(CollectorRegistry())
    metrics_of.http_request_seconds.labels("/").observe(1)
    value = metrics_of.registry.get_sample_value(
        "maoocr_http_request_seconds_bucket", {"route": "/", "le": "10.0"}
    )
    assert value == 1
