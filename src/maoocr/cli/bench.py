"""`maoocr bench`."""

import os
import sys
from pathlib import Path

import typer

from .sentences import tell

__all__ = ["PASS_ON", "bench", "bench_command"]

ROOT = Path(__file__).resolve().parents[3]

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""Everything behind `bench` is its own, `--help` too."""


def bench(context: typer.Context) -> None:
    """Measure accuracy, speed and memory on this machine; `maoocr bench --help` says what.

    The measurements are a part of the source checkout, not of the installed package.
    """
    if not (ROOT / "bench" / "__main__.py").is_file():
        tell(
            "maoocr: The measurements come with the source checkout, not with the package. In a"
            " checkout, `.venv/bin/maoocr bench` or `python -m bench` runs them."
        )
        raise typer.Exit(1)
    command, environment = bench_command(ROOT, context.args)
    os.execve(command[0], command, environment)


def bench_command(checkout: Path, arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of the bench of a checkout, for any working folder."""
    paths = [str(checkout), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return [sys.executable, "-m", "bench", *arguments], environment
