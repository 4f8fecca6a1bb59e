"""The files of a deployment are read with as little as there is on a machine."""

import pytest

from scripts import manifests


def test_manifests_are_read_without_kustomize(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(manifests, "renderer", lambda: None)
    assert manifests.check()
    assert capsys.readouterr().err == (
        "Neither kubectl nor kustomize is here: k8s/ was read file by file, unrendered.\n"
    )


def test_a_manifest_that_kubernetes_would_refuse_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "gateway"}}
    wrong = service | {"spec": {"ports": [{"port": "eight"}]}}
    monkeypatch.setattr(manifests, "renderer", lambda: ["kubectl", "kustomize"])
    monkeypatch.setattr(manifests, "render", lambda _: {"cpu": [wrong]})
    assert not manifests.check()
    assert "service/gateway" in capsys.readouterr().err
