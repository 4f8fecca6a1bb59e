"""What an engine lacks on this machine, and the command that brings it."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..settings import Settings
from .manifest import HubModel, Manifest, Model
from .models import state_of

__all__ = ["Absence", "absence_of", "absence_of_weights", "used_folders", "weights_named"]


@dataclass(frozen=True, slots=True)
class Absence:
    """Something that is not there.

    Attributes:
        reason: what, as a sentence.
        command: brings it; for people.
    """

    reason: str
    command: str


def absence_of(engine: str, settings: Settings, manifest: Manifest) -> Absence | None:
    """What an engine of this machine lacks; None where nothing is known to be missing."""
    if engine == "ppocr":
        return _absence_of_tier(settings, manifest)
    if engine != "paddle":
        return None
    if find_spec("paddleocr") is None:
        return Absence("The package paddleocr is not installed.", "scripts/install --paddle")
    folder = settings.model_path / "paddle"
    if not folder.is_dir() or not any(folder.iterdir()):
        return Absence(f"There are no models of PaddleOCR in {folder}.", "maoocr models paddle")
    return None


def absence_of_weights(model: str, settings: Settings, manifest: Manifest) -> Absence | None:
    """What the weights of a model of a local server lack; None where they are not in the list.

    Args:
        model: name under which the server knows it.
        settings: the whole tree.
        manifest: the list of models.
    """
    name = weights_named(model, manifest)
    if name is None:
        return None
    found = manifest.find(name)
    assert isinstance(found, HubModel)
    weights = found.weights(name, settings.model_path)
    if weights.state() in {"ready", "foreign"}:
        return None
    return Absence(f"Its weights are not in {weights.folder}.", f"maoocr models pull {name}")


def weights_named(model: str, manifest: Manifest) -> str | None:
    """The entry of the list that a server's name of its model means: a name, repository or path."""
    last = model.rstrip("/").lower().rpartition("/")[2]
    begins = {
        start: name
        for name, entry in manifest.models.items()
        if isinstance(entry, HubModel)
        for start in (name, entry.repository.lower().rpartition("/")[2])
        if last.startswith(start)
    }
    # The longest: PaddleOCR-VL-1.6-0.9B begins as PaddleOCR-VL does, too.
    return begins[max(begins, key=len)] if begins else None


def used_folders(settings: Settings, models: tuple[str, ...], manifest: Manifest) -> list[Path]:
    """The folders below MODEL_PATH that a server with these settings reads.

    Args:
        settings: the whole tree.
        models: of local endpoints, as their servers know them.
        manifest: the list of models.
    """
    root = settings.model_path
    names = [name for model in models if (name := weights_named(model, manifest)) is not None]
    tier = root / "ppocr" / settings.ppocr.tier
    return [tier, *(root / "vlm" / name for name in names)]


def _absence_of_tier(settings: Settings, manifest: Manifest) -> Absence | None:
    name = f"ppocr-{settings.ppocr.tier}"
    model = manifest.models.get(name)
    if not isinstance(model, Model):
        return None
    state = state_of(model, settings.model_path)
    if state in {"ready", "bundled"}:
        return None
    folder = settings.model_path / "ppocr" / settings.ppocr.tier
    how = "damaged" if state == "corrupt" else "not all there"
    return Absence(f"The models in {folder} are {how}.", f"maoocr models pull {name}")
