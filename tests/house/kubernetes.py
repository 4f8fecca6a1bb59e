"""What the overlays of `k8s/` deploy, as `kubectl kustomize` renders it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from scripts.manifests import EVERYTHING, Manifest, overlays, render, renderer

NAME = "app.kubernetes.io/name"

# Without kubectl or kustomize the files are read by scripts/check all the same, one by one.
needs_a_renderer = pytest.mark.skipif(renderer() is None, reason="needs kubectl or kustomize")

each_overlay = pytest.mark.parametrize("overlay", [*overlays(), EVERYTHING])


@cache
def rendered() -> dict[str, list[Manifest]]:
    command = renderer()
    assert command is not None
    return render(command)


def of_kind(overlay: str, *kinds: str) -> list[Manifest]:
    return [m for m in rendered()[overlay] if m["kind"] in kinds]


def named(overlay: str, kind: str, name: str) -> Manifest:
    (found,) = [m for m in of_kind(overlay, kind) if base_name(m["metadata"]["name"]) == name]
    return found


def base_name(name: str) -> str:
    """Without the hash that kustomize adds to what it generates."""
    return re.sub(r"-[a-z0-9]{10}$", "", name)


def workloads(overlay: str) -> list[Manifest]:
    return of_kind(overlay, "Deployment", "StatefulSet", "Job")


def pods(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for workload in workloads(overlay):
        yield workload["metadata"]["name"], workload["spec"]["template"]


def containers(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods(overlay):
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            yield f"{name}/{container['name']}", container


def environment(overlay: str, container: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= named(overlay, "ConfigMap", base_name(source["configMapRef"]["name"]))["data"]
    return found | {e["name"]: e.get("value", "") for e in container.get("env", [])}


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    rules = selector.get("matchExpressions", [])
    assert all(rule["operator"] == "In" for rule in rules)
    return exact and all(labels.get(rule["key"]) in rule["values"] for rule in rules)


def reaches(overlay: str, name: str, direction: str) -> list[dict[str, Any]]:
    """The rules of all policies that hold for the pod of that name."""
    labels = dict(pods(overlay))[name]["metadata"]["labels"]
    return [
        rule
        for policy in of_kind(overlay, "NetworkPolicy")
        if matches(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get(direction, [])
    ]
