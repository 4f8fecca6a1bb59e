import importlib.metadata
from pathlib import Path

import pytest

from maoocr.engines import registry
from maoocr.engines.base import EngineSpec
from maoocr.engines.registry import build_engine, engine_specs
from maoocr.errors import EngineUnavailable, UnknownEngine
from maoocr.settings import PaddleSettings, PpocrSettings, Settings


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


def test_engines_beside_the_default_one_come_after_it_and_once() -> None:
    chosen = settings(extra_engines=" paddle, fake ,paddle,ppocr", model_path=Path("/models"))
    specs = engine_specs(chosen, 2)
    assert [spec.name for spec in specs] == ["ppocr", "paddle", "fake"]
    assert specs[1].options["model_path"] == "/models"
    assert specs[1].options["threads"] == 2


@pytest.mark.parametrize(
    ("fields", "lanes"),
    [
        ({"extra_engines": "paddle"}, 1),
        ({"extra_engines": "paddle", "paddle": PaddleSettings(lanes=4), "web_concurrency": 2}, 2),
        ({"extra_engines": "paddle", "paddle": PaddleSettings(lanes=0)}, 0),
        ({"engine": "paddle"}, 0),
    ],
)
def test_paddle_has_few_lanes_beside_another_engine(fields: dict[str, object], lanes: int) -> None:
    specs = {spec.name: spec for spec in engine_specs(settings(**fields), 1)}
    assert specs["paddle"].lanes == lanes


def test_a_second_engine_that_there_is_not_is_told_by_its_setting() -> None:
    with pytest.raises(UnknownEngine, match="MAOOCR_EXTRA_ENGINES is 'easyocr'"):
        engine_specs(settings(extra_engines="easyocr"), 1)
