"""`maoocr recognize`."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..client import AsyncClient, LocalReader
from ..client.wire import Asked
from ..domain import PageSelection, PdfText
from ..errors import MaoOCRError
from ..exports import STRUCTURED, formats
from ..pool.cores import available_cores
from ..settings import Settings
from .flow import Outcome, Reader, in_order
from .results import Results
from .sentences import load_settings, tell
from .sources import Source, Url, find_sources

__all__ = ["recognize"]

_REQUESTS_AT_ONCE = 8
_BUSY_RETRIES = 8


def recognize(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES...", help="Files and folders, addresses for --server; - is stdin."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    as_text: Annotated[bool, typer.Option("--text", help="Short for --format text.")] = False,
    format_name: Annotated[
        str, typer.Option("--format", help=f"One of {', '.join(formats)}.", show_default=False)
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(help="Write one file for each into this folder.", show_default=False),
    ] = None,
    server: Annotated[
        str, typer.Option(help="Let this server read, such as http://127.0.0.1:8000.")
    ] = "",
    api_key: Annotated[
        str | None,
        typer.Option(help="For the server.", envvar="MAOOCR_API_KEY", show_default=False),
    ] = None,
    engine: Annotated[str, typer.Option(help="Who is to read.")] = "",
    language: Annotated[str, typer.Option(help="A hint, such as zh or en.")] = "auto",
    words: Annotated[bool, typer.Option(help="Also the place of each word.")] = False,
    pages: Annotated[str, typer.Option(help="Such as 1-3,7.")] = "all",
    pdf_text: Annotated[str, typer.Option(help="auto, ocr or layer.")] = "auto",
    dpi: Annotated[
        int | None, typer.Option(help="Resolution of PDF pages.", show_default=False)
    ] = None,
    rotation: Annotated[bool, typer.Option(help="Notice turned pages.")] = True,
    structure: Annotated[
        bool, typer.Option(help="Also headings, lists and tables; Markdown and HTML always do.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, help="Files at once; 0 chooses.")] = 0,
) -> None:
    """Read the text of images and documents, in this process or on a server."""
    chosen = _format_name(format_name, as_json=as_json, as_text=as_text)
    sources = find_sources(files, output, formats[chosen].suffix)
    if not server and any(isinstance(source.document, Url) for source in sources):
        raise typer.BadParameter("An address is read by a server: name it with --server.")
    if len(sources) > 1 and output is None and chosen in {"csv", "html", "hocr", "alto"}:
        raise typer.BadParameter(f"Several files as {chosen} need --output with a folder.")
    asked = Asked(language=language, words=words, pages=pages, pdf_text=cast(PdfText, pdf_text))
    asked |= Asked(rotation=rotation, structure=structure or chosen in STRUCTURED)
    if dpi is not None:
        asked["dpi"] = dpi
    if engine:
        asked["engine"] = engine
    PageSelection.parse(pages)
    settings = load_settings()
    results = Results(chosen, many=len(sources) > 1)
    if server:
        client = partial(AsyncClient, server, api_key=api_key)
        work = _read_there(client, sources, asked, jobs or _REQUESTS_AT_ONCE, results)
    else:
        reader = LocalReader(_patient(settings))
        work = _read_all(reader, sources, asked, jobs or 2 * _lanes(settings), results)
    asyncio.run(work)
    if results.failures:
        raise typer.Exit(1)


async def _read_there(
    client: Callable[..., AsyncClient],
    sources: Sequence[Source],
    asked: Asked,
    at_once: int,
    results: Results,
) -> None:
    async with client() as probe:
        # A server that is not there, or that does not take the key, is one sentence, and not one
        # for each file after many attempts.
        await probe.health()
        await probe.engines()
    await _read_all(client(retries=_BUSY_RETRIES), sources, asked, at_once, results)


async def _read_all(
    opening: AsyncClient | LocalReader,
    sources: Sequence[Source],
    asked: Asked,
    at_once: int,
    results: Results,
) -> None:
    async with opening as reader:
        with _progress(sources) as bar:
            task = bar.add_task("Reading", total=len(sources))
            outcomes = in_order(
                cast(Reader, reader), sources, asked, at_once, lambda: bar.advance(task)
            )
            async for source, outcome in outcomes:
                _settle(results, source, outcome)


def _settle(results: Results, source: Source, outcome: Outcome) -> None:
    if isinstance(outcome, MaoOCRError):
        results.failed(source, outcome)
        tell(f"{source.name}: {outcome.message}")
        return
    results.read(source, outcome)
    for page in outcome.pages:
        if page.error:
            tell(f"{source.name}, page {page.number}: {page.error.message}")


def _format_name(name: str, *, as_json: bool, as_text: bool) -> str:
    wanted = {name} - {""} | ({"json"} if as_json else set()) | ({"text"} if as_text else set())
    if len(wanted) > 1:
        raise typer.BadParameter("Only one of --json, --text and --format can be had.")
    chosen = wanted.pop() if wanted else "text"
    if chosen not in formats:
        raise typer.BadParameter(f"--format {chosen!r} is not one of {', '.join(formats)}.")
    return chosen


def _progress(sources: Sequence[Source]) -> Progress:
    console = Console(stderr=True)
    # On a terminal the results themselves show how far it is, and a bar would run through them.
    shown = len(sources) > 1 and console.is_terminal
    shown = shown and (sources[0].target is not None or not sys.stdout.isatty())
    return Progress(
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not shown,
        redirect_stdout=False,
        transient=True,
    )


def _patient(settings: Settings) -> Settings:
    """Nobody else waits here, so a document may take its time, unless a setting says otherwise."""
    limits, pool = settings.limits, settings.pool
    if "request_seconds" not in limits.model_fields_set:
        limits = limits.model_copy(update={"request_seconds": 7 * 86_400.0})
    if "max_queue_seconds" not in pool.model_fields_set:
        pool = pool.model_copy(update={"max_queue_seconds": 7 * 86_400.0})
    return settings.model_copy(update={"limits": limits, "pool": pool})


def _lanes(settings: Settings) -> int:
    return settings.pool.lanes or available_cores()
