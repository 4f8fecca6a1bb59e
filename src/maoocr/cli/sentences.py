"""Failures as sentences on stderr."""

import os
import sys
from collections.abc import Callable

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from ..errors import MaoOCRError
from ..exports import one_line
from ..settings import Settings

__all__ = ["guarded", "load_settings", "tell"]


def tell(sentence: str) -> None:
    """Say something to the person, on one line."""
    typer.echo(one_line(sentence), err=True)


def load_settings() -> Settings:
    """The settings of the environment.

    Raises:
        Exit: 2, after saying which variable is wrong.
    """
    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors():
            tell(f"maoocr: {_variable(problem['loc'])}: {problem['msg']}.")
    except SettingsError as error:
        tell(f"maoocr: {error}.")
    raise typer.Exit(2)


def guarded(app: Callable[[], object]) -> None:
    """Run the app; an error of ours ends it with its sentence and 1."""
    try:
        app()
    except MaoOCRError as error:
        tell(f"maoocr: {error.message}")
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has had enough, as `head` does. Python would complain once more
        # when it flushes stdout at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _variable(place: tuple[int | str, ...]) -> str:
    name = "__".join(str(part) for part in place)
    return name if name.isupper() else f"MAOOCR_{name.upper()}"
