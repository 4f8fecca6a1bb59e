"""The wheel brings everything that an installed MaoOCR needs beside its code."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.checkout import ROOT, SOURCE, project_files


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_file_of_the_package_is_in_the_wheel(wheel_names: set[str]) -> None:
    ours = {inside(path) for path in project_files() if path.is_relative_to(SOURCE)}
    assert ours <= wheel_names


def test_the_configuration_is_in_the_wheel(wheel_names: set[str]) -> None:
    assert {"maoocr/configs/models.yaml", "maoocr/configs/gunicorn.py"} <= wheel_names


def test_the_licence_and_the_command_are_in_the_wheel(wheel_names: set[str]) -> None:
    (information,) = {name.split("/")[0] for name in wheel_names if ".dist-info/" in name}
    assert f"{information}/licenses/LICENSE" in wheel_names
    assert f"{information}/entry_points.txt" in wheel_names


def inside(path: Path) -> str:
    return path.relative_to(SOURCE.parent).as_posix()
