import importlib.metadata
from pathlib import Path

import pytest

from maoocr.engines import registry
from maoocr.engines.base import EngineSpec
from maoocr.engines.registry import build_engine, engine_specs
from maoocr.errors import EngineUnavailable, UnknownEngine
from maoocr.settings import PpocrSettings, Settings


def settings(**fields: object) -> Settings:
    return Settings(_env_file=None, **fields)  # type: ignore[arg-type]


def test_ppocr_is_what_reads_by_default() -> None:
    (spec,) = engine_specs(
        settings(
            ppocr=PpocrSettings(device="cpu", tier="tiny"),
            model_path=Path("/models"),
        ),
        3,
    )
    assert (spec.name, spec.device, spec.max_batch_pages) == ("ppocr", "cpu", 1)
    assert spec.options == {
        "tier": "tiny",
        "precision": "auto",
        "device": "cpu",
        "model_path": "/models",
        "threads": 3,
        "max_batch_pages": 1,
    }


@pytest.mark.parametrize(("asked", "device"), [("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_a_cuda_device_gets_batches(asked: str, device: str) -> None:
    (spec,) = engine_specs(settings(ppocr=PpocrSettings(device=asked, batch_pages=16)), 1)
    assert (spec.device, spec.max_batch_pages) == (device, 16)
    assert spec.options["device"] == device


@pytest.mark.parametrize("has_runtime", [True, False])
@pytest.mark.parametrize("has_device", [True, False])
def test_auto_takes_cuda_where_both_device_and_runtime_are(
    monkeypatch: pytest.MonkeyPatch, has_runtime: bool, has_device: bool
) -> None:
    def distribution(name: str) -> None:
        if not has_runtime:
            raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(registry, "distribution", distribution)
    monkeypatch.setattr(Path, "glob", lambda *_: iter([Path("nvidia0")] if has_device else []))
    (spec,) = engine_specs(settings(ppocr=PpocrSettings(device="auto")), 1)
    assert spec.device == ("cuda:0" if has_runtime and has_device else "cpu")


def test_the_fake_engine_can_be_chosen_and_built() -> None:
    (spec,) = engine_specs(settings(engine="fake"), 1)
    assert build_engine(spec).info.name == "fake"


def test_an_engine_that_there_is_not_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownEngine, match=r"'tesseract'; there is ppocr, paddle, fake"):
        engine_specs(settings(engine="tesseract"), 1)


@pytest.mark.parametrize("factory", [".missing:Engine", ".fake:Missing", "no.such.module:X"])
def test_a_factory_that_there_is_not_is_unavailable(factory: str) -> None:
    with pytest.raises(EngineUnavailable, match="is not installed"):
        build_engine(EngineSpec("x", factory))


def test_the_options_of_a_spec_reach_the_factory() -> None:
    engine = build_engine(EngineSpec("x", ".fake:FakeEngine", {"name": "renamed"}))
    assert engine.info.name == "renamed"
