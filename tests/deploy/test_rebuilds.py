"""A change of the source makes the last layers of an image anew, and no layer of packages."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.engine import ROOT, Engine, Images
from tests.house.checkout import project_files

BUILD_S = 900.0
CHANGED = "src/maoocr/__init__.py"
PACKAGES = "COPY /opt/maoocr /opt/maoocr"
MAKES_A_LAYER = ("COPY ", "RUN ")
LEFT_OUT = ("tests", "bench", "docs")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for source in project_files():
        below = source.relative_to(ROOT)
        if below.parts[0] not in LEFT_OUT:
            (tmp_path / below).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, tmp_path / below)
    return tmp_path


@pytest.fixture
def tags(engine: Engine, prefix: str) -> Iterator[tuple[str, str]]:
    names = (f"{prefix}:before", f"{prefix}:after")
    yield names
    engine.tried("image", "rm", *names)


def layers(engine: Engine, image: str) -> list[str]:
    found = engine("image", "inspect", "-f", "{{json .RootFS.Layers}}", image)
    return list(json.loads(found))


def layers_above_the_packages(engine: Engine, image: str) -> int:
    told = engine("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).splitlines()
    (packages,) = [number for number, made in enumerate(told) if PACKAGES in made]
    return sum(made.startswith(MAKES_A_LAYER) for made in told[:packages])


@pytest.mark.parametrize("target", ["gateway", "gateway-paddle"])
def test_a_change_of_source_leaves_packages_as_they_are(
    engine: Engine, images: Images, checkout: Path, tags: tuple[str, str], target: str
) -> None:
    images("python:3.11-slim-bookworm")
    for tag in tags:
        engine("build", "--target", target, "-t", tag, str(checkout), timeout_s=BUILD_S)
        with (checkout / CHANGED).open("a", encoding="utf-8") as source:
            source.write("\nIS_CHANGED = True\n")

    before, after = (layers(engine, tag) for tag in tags)
    own = layers_above_the_packages(engine, tags[1])
    assert own
    assert before[:-own] == after[:-own]
    assert set(before[-own:]).isdisjoint(after)
    check = "import maoocr; print(hasattr(maoocr, 'IS_CHANGED'))"
    printed = [engine("run", "--rm", "--network", "none", t, "python", "-c", check) for t in tags]
    assert [text.strip() for text in printed] == ["False", "True"]
