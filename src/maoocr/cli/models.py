"""`maoocr models`: fetch, list, check and remove models."""

from pathlib import Path
from typing import Annotated

import typer

from ..engines.hub import Hub
from ..engines.manifest import HubModel, Manifest, load_manifest
from ..engines.models import pull, remove, state_of, verify
from ..errors import InvalidRequest
from ..settings import Settings
from .bars import Bars
from .sentences import load_settings, tell

__all__ = ["models"]

models = typer.Typer(
    help="Fetch, list, check and remove models.", no_args_is_help=True, add_completion=False
)

NAMES = typer.Argument(metavar="[MODEL]...", help="As `models list` has them.")
SomeNames = Annotated[list[str] | None, NAMES]
Root = Annotated[
    Path | None, typer.Option("--path", help="The models' folder (MODEL_PATH).", show_default=False)
]
ManifestPath = Annotated[
    Path | None,
    typer.Option("--manifest", help="Another list of models.", show_default=False),
]
Revision = Annotated[
    str | None,
    typer.Option(
        "--revision",
        help="Branch, tag or commit of a model of the hub; `main` takes its newest one.",
        show_default=False,
    ),
]
All = Annotated[bool, typer.Option("--all", help="All that the list has.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@models.command("list")
def list_models(path: Root = None, manifest: ManifestPath = None) -> None:
    """List the models, and what of them lies in the models' folder."""
    root, known = _root(path), load_manifest(manifest)
    width = max(map(len, known.models)) + 2
    licences = max(len(model.licence) for model in known.models.values()) + 2
    for name in known.models:
        model = known.find(name)
        size, state = _size(name, known, root), _state(name, known, root)
        line = f"{name:<{width}}{state:<10}{size:>10}  {model.licence:<{licences}}{model.title}"
        typer.echo(line)


@models.command("pull", no_args_is_help=True)
def pull_models(
    names: SomeNames = None,
    path: Root = None,
    manifest: ManifestPath = None,
    revision: Revision = None,
    everything: All = False,
) -> None:
    """Fetch models into the models' folder; each file is checked by its hash.

    A download that was cut off goes on where it ended. `MAOOCR_MODELS__HUB_URL` names a mirror,
    `HF_TOKEN` a token for models that are gated, `HTTPS_PROXY` a proxy.
    """
    settings, known = load_settings(), load_manifest(manifest)
    root = settings.model_path if path is None else path
    chosen = list(known.models) if everything else _known(names, known)
    is_one = len(chosen) == 1 and isinstance(known.find(chosen[0]), HubModel)
    if revision is not None and not is_one:
        raise InvalidRequest("--revision is for one model of the hub at a time.")
    with Bars() as bars:
        for name in chosen:
            _pull(name, known, root, settings, revision, bars)


@models.command("verify")
def verify_models(
    names: SomeNames = None, path: Root = None, manifest: ManifestPath = None
) -> None:
    """Read the files again and compare their hashes; without names, of all that is there."""
    root, known = _root(path), load_manifest(manifest)
    good = True
    for name in _known(names, known) or _present(known, root):
        model = known.find(name)
        found: list[tuple[str, str]]
        if isinstance(model, HubModel):
            checked = model.weights(name, root).verify()
            found = [(file.path, state) for file, state in checked.items()]
        else:
            found = [(file.path, state) for file, state in verify(model, root).items()]
        for file_path, state in found:
            typer.echo(f"{name:<18}{state:<10}{file_path}")
            good = good and state == "ready"
    if not good:
        raise typer.Exit(1)


@models.command("remove", no_args_is_help=True)
def remove_models(
    names: SomeNames = None,
    path: Root = None,
    manifest: ManifestPath = None,
    everything: All = False,
    yes: Yes = False,
) -> None:
    """Delete models from the models' folder, unless a running server of this machine uses them."""
    root, known = _root(path), load_manifest(manifest)
    chosen = _present(known, root) if everything else _known(names, known)
    if not yes and chosen:
        typer.confirm(f"Delete {', '.join(chosen)} from {root}?", abort=True, err=True)
    for name in chosen:
        model = known.find(name)
        if isinstance(model, HubModel):
            freed = model.weights(name, root).remove()
        else:
            freed = remove(model, root)
        tell(f"{name}: {freed / 1e6:.1f} MB freed.")


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


def _pull(
    name: str,
    known: Manifest,
    root: Path,
    settings: Settings,
    revision: str | None,
    bars: Bars,
) -> None:
    model = known.find(name)
    if isinstance(model, HubModel):
        pulled = model.weights(name, root).pull(
            Hub(settings.models.hub_url, settings.hf_token),
            revision=revision,
            parallel=settings.models.parallel,
            report=bars.hub_report,
            on_wait=lambda: tell(f"{name}: another process fetches it; waiting for its end."),
        )
        fetched, at = len(pulled.fetched), f" at commit {pulled.commit}"
    else:
        fetched, at = len(pull(model, root, progress=bars.report)), ""
    tell(f"{name}: {fetched} files fetched{at}." if fetched else f"{name}: all is there{at}.")


def _root(path: Path | None) -> Path:
    return load_settings().model_path if path is None else path


def _known(names: list[str] | None, known: Manifest) -> list[str]:
    for name in names or []:
        known.find(name)
    return names or []


def _state(name: str, known: Manifest, root: Path) -> str:
    model = known.find(name)
    if isinstance(model, HubModel):
        return model.weights(name, root).state()
    return state_of(model, root)


def _size(name: str, known: Manifest, root: Path) -> str:
    model = known.find(name)
    if not isinstance(model, HubModel):
        return f"{model.size_bytes / 1e6:.1f} MB" if model.size_bytes else "-"
    lock = model.weights(name, root).lock()
    if lock is not None:
        return f"{lock.size_bytes / 1e9:.2f} GB"
    return f"~{model.size_gb:g} GB" if model.size_gb else "-"


def _present(known: Manifest, root: Path) -> list[str]:
    gone = {"absent", "bundled", "foreign"}
    return [name for name in known.models if _state(name, known, root) not in gone]
