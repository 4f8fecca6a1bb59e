"""`maoocr jobs`: many documents, read by a server in the background."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..client import Client
from ..client.job_wire import JobDocument
from ..client.wire import Asked
from ..domain import PageSelection
from ..exports import encode_json, formats, one_line
from .sentences import tell
from .sources import find_sources

__all__ = ["LOCAL", "Server", "jobs"]

jobs = typer.Typer(
    help="Let a server read many documents in the background.",
    no_args_is_help=True,
    add_completion=False,
)

_RETRIES = 3
_UPLOAD_S = 3600.0
_ENDS = {"succeeded": "has succeeded", "failed": "has failed", "cancelled": "was cancelled"}

Server = Annotated[
    str, typer.Option(envvar="MAOOCR_URL", help="Which server; the key is in MAOOCR_API_KEY.")
]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="Its id.")]
LOCAL = "http://127.0.0.1:8000"


@jobs.command("submit", no_args_is_help=True)
def submit(
    files: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders and files.")],
    watch: Annotated[bool, typer.Option("--watch", help="Show how it goes until it ends.")] = False,
    server: Server = LOCAL,
    engine: Annotated[str, typer.Option(help="Who is to read.")] = "",
    language: Annotated[str, typer.Option(help="A hint, such as zh or en.")] = "auto",
    words: Annotated[bool, typer.Option(help="Also the place of each word.")] = False,
    pages: Annotated[str, typer.Option(help="Such as 1-3,7; of every document.")] = "all",
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Higher ones go first.")] = 0,
    key: Annotated[
        str, typer.Option("--idempotency-key", help="The same key gives the same job again.")
    ] = "",
) -> None:
    """Send documents as one job and print its id."""
    if "-" in files:
        raise typer.BadParameter("A job is made of files and folders, not of stdin.")
    PageSelection.parse(pages)
    documents: list[JobDocument] = [
        (source.name, Path(source.name)) for source in find_sources(files, None, "")
    ]
    asked = Asked(language=language, words=words, pages=pages)
    if engine:
        asked["engine"] = engine
    with Client(server, timeout_s=_UPLOAD_S, retries=_RETRIES) as client:
        try:
            job = client.jobs.submit(
                documents, priority=priority, idempotency_key=key or None, **asked
            )
        except OSError as error:
            tell(f"maoocr: {error.filename} cannot be read: {error.strerror}.")
            raise typer.Exit(1) from error
        typer.echo(job["id"])
        if watch and _watch(client, job["id"])["status"] != "succeeded":
            raise typer.Exit(1)


@jobs.command("list")
def list_jobs(
    server: Server = LOCAL,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    status: Annotated[str, typer.Option(help="Only those in this state.")] = "",
) -> None:
    """Jobs, the newest first: id, state, pages done and in all, when it was made."""
    with Client(server, retries=_RETRIES) as client:
        found = client.jobs.list(limit=limit, status=status or None)
    for job in found["items"]:
        total = "?" if job["pages_total"] is None else job["pages_total"]
        done = job["pages_done"] + job["pages_failed"]
        typer.echo(f"{job['id']}  {job['status']:<9}  {done}/{total}  {job['created_at']}")


@jobs.command("show", no_args_is_help=True)
def show(job: JobId, server: Server = LOCAL) -> None:
    """A job as JSON."""
    with Client(server, retries=_RETRIES) as client:
        found = client.jobs.show(job)
    typer.echo(json.dumps(found, ensure_ascii=True, indent=2))


@jobs.command("watch", no_args_is_help=True)
def watch_job(job: JobId, server: Server = LOCAL) -> None:
    """Show how a job goes until it ends."""
    with Client(server, retries=_RETRIES) as client:
        ended = _watch(client, job)
    if ended["status"] != "succeeded":
        raise typer.Exit(1)


@jobs.command("cancel", no_args_is_help=True)
def cancel(job: JobId, server: Server = LOCAL) -> None:
    """End a job; pages that were read stay."""
    with Client(server, retries=_RETRIES) as client:
        found = client.jobs.cancel(job)
    tell(f"The job is {found['status']}; {found['pages_done']} pages were read.")


@jobs.command("results", no_args_is_help=True)
def results(
    job: JobId,
    server: Server = LOCAL,
    output: Annotated[
        Path | None,
        typer.Option(help="Write a zip with a file for each document.", show_default=False),
    ] = None,
    format_name: Annotated[
        str, typer.Option("--format", help=f"Of documents in a zip: {', '.join(formats)}.")
    ] = "text",
    follow: Annotated[bool, typer.Option("--follow", help="Stay until the job ends.")] = False,
) -> None:
    """The pages that were read so far as JSON, one a line; or a zip of an ended job."""
    with Client(server, retries=_RETRIES) as client:
        if output is not None:
            client.jobs.download(job, output, document_format=format_name)
            return
        for page in client.jobs.results(job, follow=follow):
            sys.stdout.buffer.write(encode_json(page))
            sys.stdout.buffer.flush()


def _watch(client: Client, job: str) -> dict[str, Any]:
    """A bar on stderr; failed pages are told. The job as it ended."""
    with _bar() as bar:
        task = bar.add_task("Reading", total=None)
        data: dict[str, Any] = {}
        for event in client.jobs.watch(job):
            data = event["data"]
            if event["type"] == "page":
                bar.update(task, completed=data["pages_ended"], total=data["pages_total"])
                if "error" in data:
                    where = f"{data['file']}, page {data['page']}"
                    bar.console.print(
                        one_line(f"{where}: {data['error']['message']}"), markup=False
                    )
            else:
                ended = data["pages_done"] + data["pages_failed"]
                bar.update(task, completed=ended, total=data["pages_total"])
    data = data or client.jobs.show(job)
    tell(
        f"The job {_ENDS[data['status']]}: {data['pages_done']} pages were read,"
        f" {data['pages_failed']} failed."
    )
    return data


def _bar() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=False,
        transient=True,
    )
