"""Settings that are given by files: `<NAME>_FILE` names the file that holds the value of `<NAME>`.

So a password stands neither in the environment of a process nor in what `docker inspect` tells.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource

__all__ = ["put_files_in"]

SUFFIX = "_file"


def put_files_in(settings: type[BaseSettings], *sources: EnvSettingsSource) -> None:
    """Replace in each source every `<NAME>_FILE` by `<NAME>` with what the file holds.

    One newline at the end of a file is none of the value; an empty file is an empty value, and so
    the default.

    Args:
        settings: whose names count; other variables that end in `_FILE` are left alone.
        sources: variables by their lower-case names, the source that comes first at the front.

    Raises:
        ValidationError: a file cannot be read, or a setting is given both ways.
    """
    names = set(_names(settings))
    wrong: list[InitErrorDetails] = []
    direct = {name for source in sources for name in source.env_vars if name in names}
    for source in sources:
        values: dict[str, str | None] = {}
        for variable, value in source.env_vars.items():
            name = variable.removesuffix(SUFFIX)
            if name == variable or name not in names or variable in names:
                values[variable] = value
                continue
            try:
                if name in direct:
                    raise _both_given(name)
                text = _content(Path(value or ""))
            except PydanticCustomError as problem:
                wrong.append({"type": problem, "loc": (variable.upper(),), "input": value})
            else:
                if text:
                    values[name] = text
        source.env_vars = values
    if wrong:
        raise ValidationError.from_exception_data(settings.__name__, wrong)


def _names(settings: type[BaseSettings]) -> Iterator[str]:
    """Every setting as its variable is called, in lower case."""
    prefix = settings.model_config.get("env_prefix", "").lower()
    delimiter = settings.model_config.get("env_nested_delimiter") or "__"
    for name, field in settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (f"{prefix}{name}{delimiter}{leaf}" for leaf in kind.model_fields)
        elif isinstance(field.validation_alias, AliasChoices):
            yield from (str(alias).lower() for alias in field.validation_alias.choices)
        else:
            yield f"{prefix}{name}"


def _content(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise _unreadable(path, problem.strerror or "it is no file") from None
    except ValueError:
        raise _unreadable(path, "it is no text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")


def _unreadable(path: Path, reason: str) -> PydanticCustomError:
    return _problem("{path} cannot be read: {reason}", {"path": str(path), "reason": reason})


def _both_given(name: str) -> PydanticCustomError:
    told = {"name": name.upper(), "file": f"{name}{SUFFIX}".upper()}
    return _problem("{name} and {file} are both set, and only one of them may be", told)


def _problem(sentence: str, told: Mapping[str, str]) -> PydanticCustomError:
    return PydanticCustomError("setting_file", sentence, dict(told))
