"""Renders the overlays of `k8s/` and holds them against the schemas of Kubernetes; see `check`."""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

__all__ = ["EVERYTHING", "KUBERNETES", "Manifest", "check", "overlays", "render", "renderer"]

ROOT = Path(__file__).parents[1] / "k8s"

KUBERNETES = ("1.30", "1.37")
"""The oldest and the newest version that the manifests are for."""

EVERYTHING = "cpu with every component"

Manifest = dict[str, Any]


def renderer() -> list[str] | None:
    """The command that renders a folder, or nothing where there is none."""
    for command in (["kubectl", "kustomize"], ["kustomize", "build"]):
        if shutil.which(command[0]):
            return command
    return None


def overlays() -> list[str]:
    """The names of what can be deployed."""
    return sorted(path.parent.name for path in ROOT.glob("overlays/*/kustomization.yaml"))


def render(command: list[str]) -> dict[str, list[Manifest]]:
    """What each overlay deploys, with secrets that were made for it, and `EVERYTHING`.

    Args:
        command: from `renderer`.

    Raises:
        RuntimeError: one cannot be rendered; it tells why.
    """
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "k8s"
        shutil.copytree(ROOT, copy)
        _run([str(copy / "secrets" / "make")])
        places = {name: copy / "overlays" / name for name in overlays()}
        places[EVERYTHING] = _add_components(places["cpu"])
        return {
            name: list(yaml.safe_load_all(_run([*command, str(place)])))
            for name, place in places.items()
        }


def _add_components(overlay: Path) -> Path:
    """Make an overlay of that one and of every component which is not in it."""
    has = yaml.safe_load((overlay / "kustomization.yaml").read_text(encoding="utf-8"))["components"]
    there = [f"../../components/{path.name}" for path in (ROOT / "components").iterdir()]
    wanted = {
        "namespace": "maoocr",
        "resources": [f"../{overlay.name}"],
        "components": sorted(set(there) - set(has)),
        "labels": [{"pairs": {"app.kubernetes.io/part-of": "maoocr"}, "includeTemplates": True}],
    }
    place = overlay.with_name("everything")
    place.mkdir()
    (place / "kustomization.yaml").write_text(yaml.safe_dump(wanted), encoding="utf-8")
    return place


def check() -> bool:
    """Whether Kubernetes would take what is there; what is wrong is printed.

    Without a renderer the files are read one by one, and patches are left out.
    """
    command = renderer()
    if command is None:
        _say("Neither kubectl nor kustomize is here: k8s/ was read file by file, unrendered.")
        return _is_valid("k8s", [m for path in _files() for m in _whole(path)])
    try:
        rendered = render(command)
    except RuntimeError as error:
        _say(str(error))
        return False
    wrong = [name for name, found in rendered.items() if not _is_valid(f"k8s, {name}", found)]
    return not wrong


def _files() -> list[Path]:
    """Every file that stands for itself; a patch is a part of something."""
    orders = {path: _documents(path)[0] for path in ROOT.rglob("kustomization.yaml")}
    patches = {
        path.parent / patch["path"]
        for path, order in orders.items()
        for patch in order.get("patches", [])
        if "path" in patch
    }
    return sorted(set(ROOT.rglob("*.yaml")) - orders.keys() - patches)


def _whole(path: Path) -> list[Manifest]:
    """The manifests of a file; one without a kind is for another program."""
    return [manifest for manifest in _documents(path) if "kind" in manifest]


def _documents(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _is_valid(name: str, manifests: list[Manifest]) -> bool:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "manifests.yaml"
        file.write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
        checks = [_validator(version, file) for version in KUBERNETES]
        for version, (code, said) in zip(KUBERNETES, checks, strict=True):
            if code:
                _say(f"{name}, Kubernetes {version}:\n{said}")
    return not any(code for code, _ in checks)


def _validator(version: str, file: Path) -> tuple[int, str]:
    # Custom resources, of Prometheus for instance, have no schema of Kubernetes: no warning.
    words = [sys.executable, "-m", "kubernetes_validate", "--strict", "--quiet", "--no-warn"]
    done = subprocess.run(
        [*words, "-k", version, str(file)], capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).replace(f"{file} ", "")


def _run(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr.strip()}")
    return done.stdout


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(not check())
