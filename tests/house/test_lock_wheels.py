"""`scripts/wheels` notices a package that one processor cannot have; `scripts/lock` asks it."""

import hashlib
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.house.checkout import ROOT

AMD = "py3-none-manylinux_2_28_x86_64"
ARM = "py3-none-manylinux_2_34_aarch64"
TOO_NEW = "py3-none-manylinux_2_38_aarch64"


def wheel(folder: Path, tag: str) -> str:
    """Write one of the package `letters`; returns its line for a lock."""
    path = folder / f"letters-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as file:
        about = "letters-1.0.dist-info"
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: letters\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        file.writestr(f"{about}/RECORD", "")
    return f"--hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ((AMD, ARM), set()),
        (("py3-none-any",), set()),
        ((AMD,), {(python, "aarch64") for python in ("3.11", "3.12", "3.13")}),
        ((AMD, TOO_NEW), {(python, "aarch64") for python in ("3.11", "3.12", "3.13")}),
        ((AMD, "cp311-cp311-manylinux_2_34_aarch64"), {("3.12", "aarch64"), ("3.13", "aarch64")}),
    ],
)
def test_a_wheel_that_is_missing_is_told(
    tmp_path: Path, tags: tuple[str, ...], said: set[tuple[str, str]]
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(" \\\n    ".join(["letters==1.0", *(wheel(tmp_path, tag) for tag in tags)]))
    without_network = {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(tmp_path)}
    done = subprocess.run(
        [ROOT / "scripts/wheels", lock],
        env=os.environ | without_network | {"UV_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert set(re.findall(r"for Python (\S+) on (\w+)", done.stderr)) == said, done.stderr
    assert done.returncode == bool(said)


def test_the_locks_of_the_images_are_asked_for() -> None:
    """Every lock that an image is built of, and the installer's own package."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    built_of = set(re.findall(r"^COPY (requirements\.\w+\.txt)", dockerfile, re.M))
    lock = (ROOT / "scripts/lock").read_text(encoding="utf-8")
    (asked,) = re.findall(r"^\./scripts/wheels requirements\.\{([\w,-]+)\}\.txt", lock, re.M)
    assert built_of - {f"requirements.{name}.txt" for name in asked.split(",")} == {
        "requirements.dev.txt"
    }
    cut = re.escape("sed -n '/^uv==/,/[^\\\\]$/p' requirements.dev.txt")
    assert re.search(cut, dockerfile)
    assert re.search(cut, lock)
