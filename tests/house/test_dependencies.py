"""What is imported is declared, what is declared is locked, and nothing is there twice."""

import ast
import re
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.checkout import ROOT, python_sources

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROD = [Requirement(text) for text in PYPROJECT["project"]["dependencies"]]
DEV = [Requirement(text) for text in PYPROJECT["dependency-groups"]["dev"]]

EXTRAS = {
    extra: [Requirement(text) for text in texts]
    for extra, texts in PYPROJECT["project"]["optional-dependencies"].items()
}

OPTIONAL = {"onnxruntime", "paddleocr", "paddlex"}
"""What the package uses where it is installed and does without elsewhere."""


def locked(name: str) -> dict[str, set[str]]:
    """Versions by package; a package may have several, each for some Pythons."""
    text = (ROOT / name).read_text(encoding="utf-8")
    versions: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        versions.setdefault(canonicalize_name(package), set()).add(version)
    return versions


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.prod.txt", PROD),
        ("requirements.dev.txt", PROD + DEV),
        *((f"requirements.{extra}.txt", PROD + asked) for extra, asked in EXTRAS.items()),
    ],
)
def test_every_requirement_is_locked(lock: str, requirements: list[Requirement]) -> None:
    versions = locked(lock)
    for requirement in requirements:
        found = versions.get(canonicalize_name(requirement.name), set())
        assert found, f"{requirement.name}: run scripts/lock"
        assert all(requirement.specifier.contains(version) for version in found)


def test_development_has_the_versions_of_production() -> None:
    dev = locked("requirements.dev.txt")
    for package, versions in locked("requirements.prod.txt").items():
        assert dev[package] == versions


@pytest.mark.parametrize("extra", EXTRAS)
def test_extras_have_the_versions_of_everything_else(extra: str) -> None:
    """They are installed over it, and must not change a package under it."""
    dev = locked("requirements.dev.txt")
    for package, versions in locked(f"requirements.{extra}.txt").items():
        assert dev.get(package, versions) == versions


LOCKS = sorted(path.name for path in ROOT.glob("requirements.*.txt"))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_one_opencv_is_locked(lock: str) -> None:
    """Two of them write into the same folder, and the one installed last wins by accident."""
    found = [name for name in locked(lock) if name.startswith("opencv")]
    assert found == ["opencv-python-headless"]


def test_one_opencv_is_installed() -> None:
    names = {canonicalize_name(d.metadata["Name"]) for d in distributions()}
    assert [n for n in names if n.startswith("opencv")] == ["opencv-python-headless"]


def test_every_import_of_the_package_is_declared() -> None:
    declared = {canonicalize_name(r.name) for r in PROD} | OPTIONAL
    providers = packages_distributions()
    undeclared = {}
    for path in python_sources():
        for name in outside_imports(path.read_text(encoding="utf-8")):
            owners = {canonicalize_name(owner) for owner in providers.get(name, [name])}
            if not owners & declared:
                undeclared[f"{path.name}: {name}"] = owners
    assert undeclared == {}


def outside_imports(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"maoocr"}
