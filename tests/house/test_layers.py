"""Imports point down the table of layers, never up and never sideways.

One request runs through four rooms and its answer back through the same; that can be followed only
as long as no room reaches into one above it or beside it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.checkout import SOURCE, module_parts, python_sources

LAYERS = (
    {"cli"},
    {"__init__", "__main__", "api"},
    {"client"},
    {"bootstrap"},
    {"web"},
    {"service"},
    {"pool", "cache", "store", "exports"},
    {"documents", "engines", "outbound"},
    {"vllm"},
    {"telemetry"},
    {"settings"},
    {"domain"},
    {"errors"},
)
"""From the top down; a room may import rooms of the layers below its own."""

RUNTIMES = ("openvino", "onnxruntime", "rapidocr", "paddle", "paddleocr", "torch", "tensorrt")

OWNERS: dict[str, tuple[str, ...]] = {
    "fastapi": ("web", "bootstrap", "api"),
    "fastapi_offline": ("web", "bootstrap", "api"),
    "starlette": ("web", "bootstrap", "api"),
    "sqlalchemy": ("store",),
    "alembic": ("store",),
    "asyncpg": ("store",),
    "aiosqlite": ("store",),
    "obstore": ("store",),
    "redis": ("cache",),
    "httpcore": ("outbound",),
    "httpx": ("vllm", "outbound", "client"),
    "prometheus_client": ("telemetry", "web", "bootstrap"),
}
"""Third-party packages that only some rooms may know."""

WAIST = {"base", "registry", "models", "profiles", "fake"}
"""Modules of `engines` that every process loads, with a model runtime or without one."""

LIMBO = {"utils", "util", "helpers", "helper", "common", "core", "misc", "manager"}


def rank(room: str) -> int:
    for depth, rooms in enumerate(LAYERS):
        if room in rooms:
            return depth
    raise AssertionError(f"{room} has no place in the table of layers.")


def imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every imported name as path from the package, or from `/` for what is not the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield ("/", *alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                if node.level:
                    yield (*package[: len(package) - node.level + 1], *base, alias.name)
                else:
                    yield ("/", *base, alias.name)


def complaints(source: str, parts: tuple[str, ...], *, is_package: bool = False) -> list[str]:
    """What is wrong with the imports of the module that stands at `parts`."""
    room = parts[0] if parts else "__init__"
    package = parts if is_package else parts[:-1]
    wrong = []
    for target in imports(ast.parse(source), package):
        if target[0] == "/":
            wrong += outside_complaints(target[1:], parts, room)
        elif target[0] != room and not target[0].startswith("__") and rank(target[0]) <= rank(room):
            wrong.append(f"{room} must not import {target[0]}")
    return wrong


def outside_complaints(target: tuple[str, ...], parts: tuple[str, ...], room: str) -> list[str]:
    name = target[0]
    if name in ("maoocr", "src"):
        return ["imports of the package itself are relative"]
    if name in OWNERS and room not in OWNERS[name]:
        return [f"only {', '.join(OWNERS[name])} may import {name}, not {room}"]
    at_home = room == "engines" and len(parts) > 1 and parts[1] not in WAIST
    if name in RUNTIMES and not at_home:
        return [f"only an engine's own module may import {name}, not {'.'.join(parts)}"]
    return []


@pytest.mark.parametrize("path", python_sources(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert complaints(source, module_parts(path), is_package=path.stem == "__init__") == []


@pytest.mark.parametrize("path", python_sources(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_modules_name_says_what_is_inside(path: Path) -> None:
    assert not LIMBO & set(module_parts(path))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("service.recognizer", "from ..web import schemas"),
        ("service.recognizer", "def late():\n    from ..web.schemas import Page"),
        ("documents.spool", "from ..engines.base import PageImage"),
        ("pool.lane", "from ..cache import keys"),
        ("errors", "from .domain import OcrOptions"),
        ("service.recognizer", "from .. import bootstrap"),
        ("service.recognizer", "from maoocr.errors import MaoOCRError"),
        ("service.recognizer", "import src.maoocr.errors"),
        ("service.recognizer", "import fastapi"),
        ("web.body", "import httpx"),
        ("engines.registry", "from openvino import Core"),
        ("pool.worker", "import onnxruntime as ort"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert complaints(source, tuple(module.split(".")))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("web.body", "from ..service.recognizer import Recognizer\nimport fastapi"),
        ("web.body", "from .problems import problem"),
        ("service.recognizer", "from .. import __version__"),
        ("domain", "from .errors import InvalidRequest"),
        (
            "engines.ppocr.runtime",
            "import openvino\nfrom ..base import Run\nfrom ...domain import Word",
        ),
        ("bootstrap", "from .web import routes\nfrom .pool import Pool"),
    ],
)
def test_a_right_import_is_let_through(module: str, source: str) -> None:
    assert complaints(source, tuple(module.split("."))) == []
