"""What the overlays of `k8s/` deploy fits together, and may do no more than it has to."""

import re
from collections.abc import Iterator

import yaml

from maoocr.settings import Settings
from scripts.manifests import overlays
from scripts.reference.settings import leaves
from tests.house.checkout import ROOT
from tests.house.kubernetes import (
    NAME,
    base_name,
    containers,
    each_overlay,
    environment,
    matches,
    named,
    needs_a_renderer,
    of_kind,
    pods,
    rendered,
    workloads,
)

pytestmark = needs_a_renderer

MADE_BY_THE_OPERATOR = {"tls"}
"""Secrets that are not in the overlays: the certificate comes from elsewhere."""

GATEWAY_END_S = 15
"""What configs/gunicorn.py gives the lanes after the grace time."""


@each_overlay
def test_no_container_may_do_more_than_it_needs(overlay: str) -> None:
    for name, pod in pods(overlay):
        confined = pod["spec"]["securityContext"]
        assert confined["runAsNonRoot"] is True, name
        assert confined["runAsUser"] > 0, name
        assert confined["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert pod["spec"]["enableServiceLinks"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys(), name
        kinds = {kind for volume in pod["spec"]["volumes"] for kind in volume} - {"name"}
        assert kinds <= {"secret", "configMap", "emptyDir", "persistentVolumeClaim"}, name
    for name, container in containers(overlay):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


@each_overlay
def test_every_container_has_limits_and_every_server_probes(overlay: str) -> None:
    for name, container in containers(overlay):
        for part in ("requests", "limits"):
            assert {"cpu", "memory"} <= container["resources"][part].keys(), name
    for workload in of_kind(overlay, "Deployment", "StatefulSet"):
        for container in workload["spec"]["template"]["spec"]["containers"]:
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


@each_overlay
def test_the_namespace_takes_only_what_is_confined(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    inside = [m for m in rendered()[overlay] if m["kind"] != "Namespace"]
    assert {m["metadata"].get("namespace") for m in inside} == {namespace["metadata"]["name"]}


VOLUMES = {
    "secret": ("Secret", "secretName"),
    "configMap": ("ConfigMap", "name"),
    "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
}


def asked_of_pods(overlay: str) -> Iterator[tuple[str, str]]:
    """Kind and name of what pods mount and of where their variables come from."""
    for _, pod in pods(overlay):
        for volume in pod["spec"]["volumes"]:
            for source in VOLUMES.keys() & volume.keys():
                kind, field = VOLUMES[source]
                yield kind, volume[source][field]
    for _, container in containers(overlay):
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"]
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                yield "ConfigMap", variable["valueFrom"]["configMapKeyRef"]["name"]


def asked_from_outside(overlay: str) -> Iterator[tuple[str, str]]:
    """Kind and name of what the ingress and the autoscaler speak of."""
    for ingress in of_kind(overlay, "Ingress"):
        yield from (("Secret", tls["secretName"]) for tls in ingress["spec"]["tls"])
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                yield "Service", path["backend"]["service"]["name"]
    for scaler in of_kind(overlay, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        yield target["kind"], target["name"]


@each_overlay
def test_what_is_referred_to_is_there(overlay: str) -> None:
    there = {(m["kind"], m["metadata"]["name"]) for m in rendered()[overlay]}
    asked = {*asked_of_pods(overlay), *asked_from_outside(overlay)}
    assert asked - there == {("Secret", name) for name in MADE_BY_THE_OPERATOR}


@each_overlay
def test_every_mounted_volume_is_one_of_the_pod(overlay: str) -> None:
    for workload in workloads(overlay):
        spec = workload["spec"]["template"]["spec"]
        claims = workload["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"] for volume in spec["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in claims}
        mounted = {
            mount["name"]
            for container in [*spec.get("initContainers", []), *spec["containers"]]
            for mount in container["volumeMounts"]
        }
        assert mounted == volumes, workload["metadata"]["name"]


@each_overlay
def test_who_shares_a_volume_shares_its_group(overlay: str) -> None:
    """Else each pod that starts would give the files to its own group."""
    groups: dict[str, set[int]] = {}
    for _, pod in pods(overlay):
        for volume in pod["spec"]["volumes"]:
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                groups.setdefault(claim, set()).add(pod["spec"]["securityContext"]["fsGroup"])
    assert groups
    assert all(len(found) == 1 for found in groups.values()), groups


@each_overlay
def test_selectors_find_pods_and_ports(overlay: str) -> None:
    templates = dict(pods(overlay))
    for name, pod in templates.items():
        assert pod["metadata"]["labels"] == {NAME: name, "app.kubernetes.io/part-of": "maoocr"}
    for workload in of_kind(overlay, "Deployment", "StatefulSet"):
        template = workload["spec"]["template"]
        assert matches(workload["spec"]["selector"], template["metadata"]["labels"])
    for service in of_kind(overlay, "Service"):
        pod = templates[service["spec"]["selector"][NAME]]
        names = {port["name"] for c in pod["spec"]["containers"] for port in c.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    for budget in of_kind(overlay, "PodDisruptionBudget"):
        selector = budget["spec"]["selector"]
        assert any(matches(selector, pod["metadata"]["labels"]) for pod in templates.values())


@each_overlay
def test_variables_are_settings_and_their_files_are_mounted(overlay: str) -> None:
    settings = {leaf.name for leaf in leaves()}
    seen = 0
    for name, container in containers(overlay):
        if "gateway" not in container["image"]:
            continue
        pod = dict(pods(overlay))[name.partition("/")[0]]
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        files = {
            f"{mount['mountPath']}/{key}"
            for mount in container["volumeMounts"]
            if "secret" in volumes[mount["name"]]
            for key in named(
                overlay, "Secret", base_name(volumes[mount["name"]]["secret"]["secretName"])
            )["data"]
        }
        for variable, value in environment(overlay, container).items():
            seen += 1
            if variable.endswith("_FILE"):
                assert variable.removesuffix("_FILE") in settings, variable
                assert value in files, variable
            else:
                assert variable in settings | {"VLLM_MODEL"}, variable
    assert seen


@each_overlay
def test_the_end_of_a_gateway_has_the_time_that_it_needs(overlay: str) -> None:
    spec = named(overlay, "Deployment", "gateway")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    grace_s = float(environment(overlay, container)["MAOOCR_SERVER__GRACE_S"])
    (_, wait_s) = container["lifecycle"]["preStop"]["exec"]["command"]
    assert spec["terminationGracePeriodSeconds"] > grace_s + float(wait_s) + GATEWAY_END_S
    assert f"round(_grace_s) + {GATEWAY_END_S}" in (ROOT / "configs/gunicorn.py").read_text()


def test_images_are_those_of_compose() -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    text = " ".join(service["image"] for service in composed["services"].values())
    defaults = set(re.findall(r":-([^$}\s]+)(?:\$|\})", text))
    for overlay in overlays():
        for name, container in containers(overlay):
            repository, _, tag = container["image"].partition(":")
            assert {container["image"], f"{repository}:"} & defaults, name
            assert tag


def test_the_ingress_takes_what_the_gateway_takes() -> None:
    settings = Settings(_env_file=None)
    notes = named("cpu", "Ingress", "gateway")["metadata"]["annotations"]
    for body in ("nginx.ingress.kubernetes.io/proxy-body-size", "nginx.org/client-max-body-size"):
        assert int(notes[body].removesuffix("m")) * 2**20 == settings.jobs.max_body_bytes
    for wait in ("nginx.ingress.kubernetes.io/proxy-read-timeout", "nginx.org/proxy-read-timeout"):
        assert int(notes[wait].removesuffix("s")) > settings.limits.request_seconds


def test_the_models_that_are_pulled_are_those_that_are_asked_for() -> None:
    (job,) = of_kind("gpu", "Job")
    (puller,) = job["spec"]["template"]["spec"]["containers"]
    assert puller["args"] == ["maoocr", "models", "pull", "$(VLLM_MODEL)"]
    model = named("gpu", "ConfigMap", "vllm")["data"]["VLLM_MODEL"]
    known = yaml.safe_load((ROOT / "configs/models.yaml").read_text(encoding="utf-8"))
    assert model in known["models"]


def test_replicas_share_their_state() -> None:
    """A journal that one leaves behind is brought into the database by the others."""
    assert named("cpu", "PersistentVolumeClaim", "state")["spec"]["accessModes"] == [
        "ReadWriteMany"
    ]
    strategy = named("cpu", "Deployment", "gateway")["spec"]["strategy"]["rollingUpdate"]
    assert strategy["maxUnavailable"] == 0
