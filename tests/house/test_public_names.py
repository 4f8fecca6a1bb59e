"""`__all__` says what a module offers: sorted, existing, and every name that others take."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house.checkout import SOURCE, module_parts, python_sources


@cache
def offered(path: Path) -> tuple[str, ...]:
    """The literal `__all__` of a module; empty without one."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]:
            return tuple(ast.literal_eval(node.value))
    return ()


def bound_names(path: Path) -> set[str]:
    """Every name that the top level of a module binds, or may bind."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
    return names


def taken(path: Path) -> Iterator[tuple[Path, str]]:
    """Each name that a module imports from another module of the package."""
    modules = {module_parts(source): source for source in python_sources()}
    parts = module_parts(path)
    package = parts if path.stem == "__init__" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                if (*target, alias.name) not in modules and target in modules:
                    yield modules[target], alias.name


@pytest.mark.parametrize("path", python_sources(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_all_is_sorted_and_names_what_exists(path: Path) -> None:
    names = offered(path)
    assert list(names) == sorted(set(names), key=order)
    assert set(names) <= bound_names(path)


@pytest.mark.parametrize("path", python_sources(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_takes_only_what_is_offered(path: Path) -> None:
    kept = [
        f"{owner.relative_to(SOURCE)}: {n}" for owner, n in taken(path) if n not in offered(owner)
    ]
    assert kept == []


def order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, each by the alphabet: what ruff's RUF022 asks."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[0].isupper() else 2), name
