"""`maoocr history`: the answers that a server gave to the holder of the key."""

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from ..client import Client
from ..client.history import Found
from ..exports import encode_json, formats, one_line
from .jobs import LOCAL, Server
from .sentences import tell

__all__ = ["history"]

history = typer.Typer(
    help="Find, show and delete the answers that a server gave.",
    no_args_is_help=True,
    add_completion=False,
)

_RETRIES = 3
_TEXT_CHARACTERS = 60

Limit = Annotated[int, typer.Option(min=0, help="Most answers; 0 for all.")]
AsJson = Annotated[bool, typer.Option("--json", help="Whole answers as JSON, one a line.")]
Since = Annotated[str, typer.Option(help="From this day or moment, such as 2026-01-31.")]
Until = Annotated[str, typer.Option(help="To this day or moment.")]
Engine = Annotated[str, typer.Option(help="Only what it read.")]
DocumentType = Annotated[str, typer.Option(help="Only what was asked for as this.")]
Confidence = Annotated[float, typer.Option(min=0, max=1, help="Only from this confidence on.")]


@history.command("search", no_args_is_help=True)
def search(
    words: Annotated[list[str], typer.Argument(help="All must be in the text.")],
    server: Server = LOCAL,
    limit: Limit = 20,
    as_json: AsJson = False,
    since: Since = "",
    until: Until = "",
    engine: Engine = "",
    document_type: DocumentType = "",
    min_confidence: Confidence = 0.0,
) -> None:
    """Answers whose text has the words, the newest first; the last may be a beginning."""
    found = _found(since, until, engine, document_type, min_confidence)
    _show(server, " ".join(words), found, limit, as_json=as_json)


@history.command("list")
def list_answers(
    server: Server = LOCAL,
    limit: Limit = 20,
    as_json: AsJson = False,
    since: Since = "",
    until: Until = "",
    engine: Engine = "",
    document_type: DocumentType = "",
    min_confidence: Confidence = 0.0,
) -> None:
    """Answers, the newest first: id, moment, confidence, engines, the beginning of the text."""
    found = _found(since, until, engine, document_type, min_confidence)
    _show(server, "", found, limit, as_json=as_json)


@history.command("show", no_args_is_help=True)
def show(
    answer: Annotated[str, typer.Argument(metavar="ID", help="Of the answer.")],
    server: Server = LOCAL,
    format_name: Annotated[
        str, typer.Option("--format", help=f"One of {', '.join(formats)}.")
    ] = "text",
) -> None:
    """One answer."""
    with Client(server, retries=_RETRIES) as client:
        written = client.history.export(answer, format_name)
    sys.stdout.buffer.write(written)
    sys.stdout.buffer.flush()


@history.command("delete", no_args_is_help=True)
def delete(
    answers: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Of the answers.")
    ] = None,
    server: Server = LOCAL,
    delete_all: Annotated[bool, typer.Option("--all", help="All that there are.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no question.")] = False,
) -> None:
    """Delete answers, with what was kept beside them."""
    if delete_all == bool(answers):
        raise typer.BadParameter("Name the answers, or give --all, and not both.")
    with Client(server, retries=_RETRIES) as client:
        if delete_all:
            if not yes:
                typer.confirm("Delete all answers for good?", abort=True, err=True)
            tell(f"{client.history.delete_all()} answers were deleted.")
            return
        for answer in answers or ():
            client.history.delete(answer)
            tell(f"The answer {answer} was deleted.")


def _found(since: str, until: str, engine: str, document_type: str, min_confidence: float) -> Found:
    found = Found()
    if since:
        found["since"] = since
    if until:
        found["until"] = until
    if engine:
        found["engine"] = engine
    if document_type:
        found["document_type"] = document_type
    if min_confidence:
        found["min_confidence"] = min_confidence
    return found


def _show(server: str, q: str, found: Found, limit: int, *, as_json: bool) -> None:
    with Client(server, retries=_RETRIES) as client:
        for item in _taken(client.history.search(q, **found), limit):
            line = encode_json(item) if as_json else f"{_line(item)}\n".encode()
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def _taken(items: Iterator[dict[str, Any]], limit: int) -> Iterator[dict[str, Any]]:
    return islice(items, limit) if limit else items


def _line(item: dict[str, Any]) -> str:
    text = " ".join(item["text"].split())
    if len(text) > _TEXT_CHARACTERS:
        text = f"{text[:_TEXT_CHARACTERS]}…"
    moment = item["created_at"][:19]
    engines = ",".join(item["selected_models"]) or "-"
    return one_line(f"{item['id']}  {moment}  {item['confidence']:.2f}  {engines:<8}  {text}")
