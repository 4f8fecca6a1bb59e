"""`maoocr costs`: what a month cost, here and remotely."""

import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..client import Client
from ..exports import encode_json, one_line
from .jobs import LOCAL, Server

__all__ = ["costs"]

_RETRIES = 3


def costs(
    month: Annotated[
        str, typer.Argument(help="Such as 2026-11, in UTC; the present one if left out.")
    ] = "",
    server: Server = LOCAL,
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as JSON.")] = False,
) -> None:
    """Tell what a month cost, here and remotely, and from how many pages on this machine pays."""
    with Client(server, retries=_RETRIES) as client:
        found = client.costs(month)
    if as_json:
        sys.stdout.buffer.write(encode_json(found))
        return
    Console().print(_table(found))
    if found["break_even"] is not None:
        typer.echo(one_line(found["break_even"]["sentence"]))


def _table(found: dict[str, Any]) -> Table:
    table = Table(title=escape(one_line(f"{found['month']}, {found['currency']}")))
    table.add_column("")
    for name in ("pages", "calls", "tokens", "seconds", "cost"):
        table.add_column(name, justify="right")
    for place in ("local", "remote"):
        table.add_row(place, *_figures(found[place]), end_section=place == "remote")
    for each in found["engines"]:
        name = " ".join(filter(None, [each["engine"], each["endpoint"], each["kind"]]))
        table.add_row(escape(one_line(name)), *_figures(each))
    return table


def _figures(side: dict[str, Any]) -> tuple[str, ...]:
    tokens = side["input_tokens"] + side["output_tokens"]
    counts = (f"{count:,}" for count in (side["pages"], side["calls"], tokens))
    return *counts, f"{side['seconds']:,.1f}", f"{side['cost']:,.4f}"
