"""`.env.example` and `docs/configuration.md`, from the settings tree."""

import json
import types
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from maoocr.settings import Settings

from .deployment import configuration_part, env_part

__all__ = ["Leaf", "configuration_page", "env_example", "leaves"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting.

    Attributes:
        name: of the environment variable.
        group: the sentence of the part that it belongs to; empty at the root.
        default: as it would be written in the environment; empty for none.
        values: what it may be, for a person.
    """

    name: str
    group: str
    part: str
    default: str
    values: str
    description: str


def leaves() -> Iterator[Leaf]:
    """Every setting, those of the root first."""
    parts = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts.append((name, field))
        else:
            yield _leaf(_root_name(name, field), "", "General", field, field.default)
    for part, field in parts:
        model: type[BaseModel] = field.annotation  # type: ignore[assignment]
        defaults = field.get_default(call_default_factory=True, validated_data={})
        for name, leaf in model.model_fields.items():
            variable = f"MAOOCR_{part}__{name}".upper()
            yield _leaf(
                variable, _sentence(model.__doc__), part, leaf, getattr(defaults, name, None)
            )


def _root_name(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"MAOOCR_{name}".upper()


def _leaf(variable: str, group: str, part: str, field: FieldInfo, default: Any) -> Leaf:
    return Leaf(
        name=variable,
        group=group,
        part=part,
        default=_written(default),
        values=_values(field),
        description=_sentence(field.description),
    )


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _written(value: Any) -> str:
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return json.dumps(value if not isinstance(value, tuple) else list(value))


def _values(field: FieldInfo) -> str:
    kind = _kind(field.annotation)
    lower = upper = ""
    for bound in field.metadata:
        if isinstance(bound, Ge):
            lower = f"at least {bound.ge}"
        elif isinstance(bound, Gt):
            lower = f"above {bound.gt}"
        elif isinstance(bound, Le):
            upper = f"at most {bound.le}"
        elif isinstance(bound, Lt):
            upper = f"below {bound.lt}"
    return ", ".join(filter(None, [kind, lower, upper]))


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_kind(one) for one in get_args(annotation) if one is not type(None))
    names = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`"}
    names[Path], names[Decimal] = "path", "number"
    return names.get(annotation, "JSON")


def _readable(default: str, name: str) -> str:
    if name.endswith("_BYTES") and default.isdigit() and int(default) >= MIB:
        return f"{default} ({int(default) // MIB} MiB)"
    return default


def env_example() -> str:
    """The text of `.env.example`: every setting with its default, commented out."""
    lines = [
        "# Every setting of MaoOCR with its default. Copy this file to .env and uncomment what you",
        "# change; a variable of the environment comes before its line in .env. An empty value is",
        "# the default. docs/configuration.md says what each may be. The end is for a deployment",
        "# in containers, which has paths and passwords of its own (docs/docker.md).",
    ]
    part = ""
    for leaf in leaves():
        if leaf.part != part:
            part = leaf.part
            lines += ["", "", f"# --- {leaf.group or 'General'}"]
        size = _readable(leaf.default, leaf.name).removeprefix(leaf.default)
        lines += ["", f"# {leaf.description}{size}", f"#{leaf.name}={leaf.default}"]
    return "\n".join([*lines, *env_part()]) + "\n"


CONFIGURATION_HEAD = """\
# Configuration

MaoOCR is configured by environment variables, or by the same names in a file `.env` in the folder
that it is started in; a variable of the environment comes first. An empty value is the default, and
a value that is not allowed stops the start with a sentence that names it.

Any setting can be given by a file: with `_FILE` behind its name the variable names the file that
holds the value, `DATABASE_URL_FILE=/run/secrets/database_url` for instance, so that a password
stands neither in the environment nor in what `docker inspect` shows. One newline at the end of the
file does not count. A setting that is given both ways stops the start, and so does a file that
cannot be read.

[`.env.example`](../.env.example) has every setting with its default, ready to be copied.

This page is written from `src/maoocr/settings/` by `scripts/docs`.
"""


def configuration_page() -> str:
    """The text of `docs/configuration.md`."""
    lines = [CONFIGURATION_HEAD]
    part = ""
    for leaf in leaves():
        if leaf.part != part:
            part = leaf.part
            lines += [f"\n## {part.capitalize()}\n"]
            lines += [f"{leaf.group}\n"] if leaf.group else []
            lines += ["| Setting | Default | Values | |", "| --- | --- | --- | --- |"]
        default = f"`{_readable(leaf.default, leaf.name)}`" if leaf.default else "empty"
        values = leaf.values.replace("|", "\\|")
        lines += [f"| `{leaf.name}` | {default} | {values} | {leaf.description} |"]
    return "\n".join([*lines, *configuration_part()]) + "\n"
