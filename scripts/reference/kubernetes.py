"""`k8s/components/monitoring/rules.yaml`, from the rules that Prometheus has elsewhere."""

from pathlib import Path

import yaml

__all__ = ["rules_manifest"]

RULES = Path(__file__).parents[2] / "prometheus" / "rules"

LEFT_OUT = {"machine.yml"}
"""Nodes, disks and Prometheus itself: a cluster's own rules watch them."""

NOT_HERE = {
    "GatewayMissing",
    "NginxDown",
    "NotAnsweringOutside",
    "CertificateEndsSoon",
    "CertificateEnds",
}
"""An autoscaler takes gateways away on purpose; the ingress, its certificate and who looks at it
are the cluster's."""

HEAD = "# Written from prometheus/rules/ by scripts/docs.\n"


def rules_manifest() -> str:
    """The groups of every file of rules, as one resource of the Prometheus Operator."""
    groups = []
    for path in sorted(RULES.glob("*.yml")):
        if path.name not in LEFT_OUT:
            groups += yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for group in groups:
        group["rules"] = [rule for rule in group["rules"] if rule.get("alert") not in NOT_HERE]
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "maoocr"},
        "spec": {"groups": groups},
    }
    text = yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return HEAD + text


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, and takes no shortcut for what is there twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True
