"""Who reaches whom in the overlays of `k8s/`, who watches them, and how many gateways there are."""

import pytest
import yaml

from maoocr.bootstrap import create_app
from maoocr.settings import Settings
from scripts.manifests import EVERYTHING, overlays
from scripts.reference.kubernetes import rules_manifest
from scripts.reference.routes import route_names
from tests.house.checkout import ROOT
from tests.house.kubernetes import (
    NAME,
    base_name,
    each_overlay,
    matches,
    named,
    needs_a_renderer,
    of_kind,
    pods,
    reaches,
    rendered,
)

pytestmark = needs_a_renderer

MONITORED = {"cpu": "cpu-monitored", "gpu": "gpu-monitored"}
"""What is watched and scaled by the pages that wait, by what it is made of."""

PROMETHEUS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
    "podSelector": {"matchLabels": {NAME: "prometheus"}},
}

each_monitored = pytest.mark.parametrize("overlay", [*MONITORED.values(), EVERYTHING])


@each_overlay
def test_nothing_is_open_that_no_policy_opens(overlay: str) -> None:
    closed = named(overlay, "NetworkPolicy", "default-deny")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@each_overlay
def test_only_gateways_reach_the_servers_behind_them(overlay: str) -> None:
    all_labels = {name: pod["metadata"]["labels"] for name, pod in pods(overlay)}
    for server in set(all_labels) - {"gateway", "models"}:
        for rule in reaches(overlay, server, "ingress"):
            for peer in rule["from"]:
                if peer == PROMETHEUS:
                    continue
                assert set(peer) == {"podSelector"}, server
                asking = {n for n, it in all_labels.items() if matches(peer["podSelector"], it)}
                assert asking == {"gateway"}, server
        out = reaches(overlay, server, "egress")
        assert {port["port"] for rule in out for port in rule["ports"]} == {53}, server


@pytest.mark.parametrize("overlay", overlays())
def test_gateways_have_no_way_out_by_themselves(overlay: str) -> None:
    blocks = [
        peer["ipBlock"]["cidr"]
        for rule in reaches(overlay, "gateway", "egress")
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    assert blocks == ["169.254.20.10/32"]


@each_overlay
def test_both_ends_of_a_connection_allow_it(overlay: str) -> None:
    for server in set(dict(pods(overlay))) - {"gateway", "models"}:
        service = named(overlay, "Service", server)["spec"]["ports"][0]["port"]
        labels = dict(pods(overlay))[server]["metadata"]["labels"]
        allowed = [
            port["port"]
            for rule in reaches(overlay, "gateway", "egress")
            for peer in rule["to"]
            if "podSelector" in peer and matches(peer["podSelector"], labels)
            for port in rule["ports"]
            if "namespaceSelector" not in peer
        ]
        assert allowed == [service]


@each_overlay
def test_the_world_reaches_every_route_but_the_metrics(overlay: str) -> None:
    (ingress,) = of_kind(overlay, "Ingress")
    (rule,) = ingress["spec"]["rules"]

    def is_reached(path: str) -> bool:
        return any(
            path == open_["path"]
            or (open_["pathType"] == "Prefix" and path.startswith(f"{open_['path']}/"))
            for open_ in rule["http"]["paths"]
        )

    paths = {name.partition(" ")[2] for name in route_names(create_app(Settings(_env_file=None)))}
    assert {path for path in paths if not is_reached(path)} == {"/metrics"}
    assert is_reached("/static/app.js")
    assert is_reached("/docs/assets/logo.png")


def test_the_rules_of_the_cluster_are_those_of_prometheus() -> None:
    manifest = (ROOT / "k8s/components/monitoring/rules.yaml").read_text(encoding="utf-8")
    assert manifest == rules_manifest(), "run scripts/docs"


@each_overlay
def test_nodes_can_be_emptied_and_leave_a_gateway(overlay: str) -> None:
    """A budget for what there is one of would keep its node from ever being emptied."""
    (scaler,) = of_kind(overlay, "HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "gateway"
    assert scaler["spec"]["minReplicas"] > 1
    (budget,) = of_kind(overlay, "PodDisruptionBudget")
    assert budget["spec"]["selector"]["matchLabels"] == {NAME: "gateway"}
    assert budget["spec"]["maxUnavailable"] == 1
    for workload in of_kind(overlay, "Deployment", "StatefulSet"):
        alone = workload["spec"].get("replicas") == 1
        assert alone is (workload["metadata"]["name"] != "gateway")


@pytest.mark.parametrize("overlay", MONITORED)
def test_a_monitored_overlay_is_the_other_and_what_watches_it(overlay: str) -> None:
    plain, monitored = (
        {(m["kind"], base_name(m["metadata"]["name"])) for m in rendered()[name]}
        for name in (overlay, MONITORED[overlay])
    )
    assert not plain - monitored
    assert monitored - plain == {
        ("ServiceMonitor", "maoocr"),
        ("PrometheusRule", "maoocr"),
        ("NetworkPolicy", "metrics"),
    }


@each_monitored
def test_prometheus_finds_what_it_watches_and_is_let_in(overlay: str) -> None:
    (monitor,) = of_kind(overlay, "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    watched = {"gateway"} | {"vllm"} & set(dict(pods(overlay)))
    found = {
        service["metadata"]["name"]
        for service in of_kind(overlay, "Service")
        if matches(monitor["spec"]["selector"], service["metadata"]["labels"])
    }
    assert found == watched
    for name in watched:
        ports = named(overlay, "Service", name)["spec"]["ports"]
        assert endpoint["port"] in {port["name"] for port in ports}
        allowed = [r for r in reaches(overlay, name, "ingress") if PROMETHEUS in r["from"]]
        assert [port["port"] for r in allowed for port in r["ports"]] == [endpoint["port"]]


@each_monitored
def test_the_autoscaler_counts_what_the_adapter_offers(overlay: str) -> None:
    adapter = yaml.safe_load(
        (ROOT / "k8s/components/queue-autoscaling/prometheus-adapter.yaml").read_text()
    )
    (rule,) = adapter["rules"]["custom"]
    metrics = named(overlay, "HorizontalPodAutoscaler", "gateway")["spec"]["metrics"]
    assert "cpu" in {m["resource"]["name"] for m in metrics if m["type"] == "Resource"}
    asked = [m["pods"]["metric"]["name"] for m in metrics if m["type"] == "Pods"]
    assert asked == [rule["name"]["as"]]
    assert f"`{asked[0]}`" in (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
