"""`maoocr` on the command line.

Results go to stdout and nothing else does; what is for a person to know goes to stderr. Exit codes:
0 all well, 1 something failed, 2 the command is not right, 130 interrupted.
"""

import typer

from .. import __version__
from .bench import PASS_ON, bench
from .costs import costs
from .history import history
from .jobs import jobs
from .keys import keys
from .models import models
from .recognize import recognize
from .sentences import guarded
from .serve import serve

__all__ = ["app", "main"]

app = typer.Typer(
    name="maoocr",
    help="Images and documents in, text out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command(no_args_is_help=True)(recognize)
app.add_typer(models, name="models")
app.add_typer(jobs, name="jobs")
app.add_typer(history, name="history")
app.add_typer(keys, name="keys")
app.command()(costs)
app.command(context_settings=PASS_ON)(bench)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"maoocr {__version__}")


def main() -> None:
    """The console script."""
    guarded(app)
