"""`maoocr models`: fetch, list, check and remove models."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from ..engines.models import (
    Manifest,
    ModelFile,
    load_manifest,
    pull,
    remove,
    state_of,
    verify,
)
from .sentences import load_settings, tell

__all__ = ["models"]

models = typer.Typer(
    help="Fetch, list, check and remove models.", no_args_is_help=True, add_completion=False
)

Names = Annotated[list[str], typer.Argument(metavar="MODEL...", help="As `models list` has them.")]
SomeNames = Annotated[
    list[str] | None, typer.Argument(metavar="[MODEL]...", help="As `models list` has them.")
]
Root = Annotated[
    Path | None, typer.Option("--path", help="The models' folder (MODEL_PATH).", show_default=False)
]
ManifestPath = Annotated[
    Path | None,
    typer.Option("--manifest", help="Another list of models.", show_default=False),
]


@models.command("list")
def list_models(path: Root = None, manifest: ManifestPath = None) -> None:
    """List the models, and what of them lies in the models' folder."""
    root, known = _root(path), load_manifest(manifest)
    for name, model in known.models.items():
        size = f"{model.size_bytes / 1e6:.1f} MB" if model.size_bytes else "-"
        state = state_of(model, root)
        typer.echo(f"{name:<16}{state:<10}{size:>10}  {model.licence:<12}{model.title}")


@models.command("pull", no_args_is_help=True)
def pull_models(names: Names, path: Root = None, manifest: ManifestPath = None) -> None:
    """Fetch models into the models' folder; each file is checked by its SHA-256."""
    root, known = _root(path), load_manifest(manifest)
    chosen = [(name, known.find(name)) for name in names]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(
        *columns, console=Console(stderr=True), disable=not Console(stderr=True).is_terminal
    ) as bars:
        tasks = {
            file.path: bars.add_task(file.path, total=file.size_bytes, visible=False)
            for _, model in chosen
            for file in model.files
        }

        def report(file: ModelFile, done_bytes: int, total_bytes: int | None) -> None:
            bars.update(tasks[file.path], completed=done_bytes, total=total_bytes, visible=True)

        for name, model in chosen:
            fetched = pull(model, root, progress=report)
            tell(f"{name}: {len(fetched)} files fetched." if fetched else f"{name}: all is there.")


@models.command("verify")
def verify_models(
    names: SomeNames = None, path: Root = None, manifest: ManifestPath = None
) -> None:
    """Read the files again and compare their SHA-256; without names, of all that is there."""
    root, known = _root(path), load_manifest(manifest)
    good = True
    for name in names or _present(known, root):
        for file, state in verify(known.find(name), root).items():
            typer.echo(f"{name:<16}{state:<10}{file.path}")
            good = good and state == "ready"
    if not good:
        raise typer.Exit(1)


@models.command("remove", no_args_is_help=True)
def remove_models(names: Names, path: Root = None, manifest: ManifestPath = None) -> None:
    """Delete models from the models' folder."""
    root, known = _root(path), load_manifest(manifest)
    for name, model in [(name, known.find(name)) for name in names]:
        tell(f"{name}: {remove(model, root) / 1e6:.1f} MB freed.")


@models.command("paddle")
def lay_out_for_paddle(
    tiers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TIER]...", help="tiny, small (when left out), medium, server."),
    ] = None,
    path: Root = None,
) -> None:
    """Lay the PP-OCR models of a tier out as folders that the engine paddle reads."""
    # Here and not above: no other command needs to wait for OpenCV.
    from ..engines.paddle.folders import lay_out

    root = _root(path)
    for tier in tiers or ["small"]:
        for folder in lay_out(tier, root):
            tell(f"{folder}: written.")


def _root(path: Path | None) -> Path:
    return load_settings().model_path if path is None else path


def _present(known: Manifest, root: Path) -> list[str]:
    gone = {"absent", "bundled"}
    return [name for name, model in known.models.items() if state_of(model, root) not in gone]
