from pathlib import Path

import pytest

from maoocr.engines.profiles import Profiles, load_profiles
from maoocr.errors import InvalidRequest
from maoocr.settings import Settings
from maoocr.vllm.endpoints import Endpoint
from maoocr.vllm.families import FAMILIES as KNOWN_FAMILIES

FAMILIES = {"deepseek-ocr": {"accuracy": {"table": 5}, "boxes": "lines", "seconds_per_page": 3.0}}


def endpoint(name: str, **fields: object) -> Endpoint:
    return Endpoint(name, "vlm", "deepseek-ocr", "http://a/v1", "m", **fields)  # type: ignore[arg-type]


def loaded(tmp_path: Path, text: str) -> Profiles:
    path = tmp_path / "engines.yaml"
    path.write_text(text, encoding="utf-8")
    return load_profiles(Settings(_env_file=None, engines_file=path))


def test_the_engines_that_ship_have_profiles() -> None:
    profiles = load_profiles(Settings(_env_file=None))
    ppocr = profiles.of("ppocr")
    assert (ppocr.kind, ppocr.boxes, ppocr.privacy, ppocr.cost_per_page) == (
        "ocr",
        "words",
        "local",
        0.0,
    )
    assert ppocr.accuracy_for("auto") == ppocr.accuracy_for("simple_text") == 4
    assert ppocr.accuracy_for("formula") == 0
    vlm = profiles.of("vlm", "paddleocr-vl")
    assert (vlm.kind, vlm.accuracy_for("formula")) == ("vlm", 5)


def test_every_family_that_is_spoken_has_a_profile() -> None:
    profiles = load_profiles(Settings(_env_file=None))
    assert set(profiles.families) == {family.name for family in KNOWN_FAMILIES}


def test_a_family_that_nobody_knows_is_a_generic_one() -> None:
    profiles = load_profiles(Settings(_env_file=None))
    assert profiles.of("x", "novel").accuracy == profiles.of("x", "generic").accuracy


def test_an_engine_that_nobody_knows_reads_lines_here() -> None:
    profile = Profiles().of("x")
    assert (profile.kind, profile.privacy, profile.document_types) == (
        "ocr",
        "local",
        ("simple_text",),
    )


def test_an_engine_may_override_its_family() -> None:
    profiles = Profiles({"vlm": {"seconds_per_page": 1.0}}, FAMILIES)
    profile = profiles.of("vlm", "deepseek-ocr")
    assert (profile.seconds_per_page, profile.boxes) == (1.0, "lines")


def test_the_dearest_endpoint_and_the_least_private_one_count() -> None:
    endpoints = [
        endpoint("a", price_per_page=0.001, price_output_per_1k=0.02),
        endpoint("b", price_per_page=0.01, privacy="remote"),
    ]
    profile = Profiles(None, FAMILIES).of("vlm", "deepseek-ocr", endpoints)
    assert profile.privacy == "remote"
    assert profile.cost_per_page == pytest.approx(0.01 + profile.output_tokens / 1000 * 0.02)


def test_privacy_is_that_of_the_endpoints_whatever_the_profile_says() -> None:
    profiles = Profiles({"vlm": {"privacy": "local", "price_per_page": 0.0}}, FAMILIES)
    remote = [endpoint("a", privacy="remote", price_per_page=0.5)]
    profile = profiles.of("vlm", "deepseek-ocr", remote)
    assert (profile.privacy, profile.cost_per_page) == ("remote", 0.5)


def test_a_file_of_ones_own_holds_only_what_differs(tmp_path: Path) -> None:
    profiles = loaded(
        tmp_path,
        "engines:\n  ppocr: {seconds_per_page: 9, languages: [ru]}\n"
        "families:\n  mine: {accuracy: {formula: 5}}\nendpoints: []\n",
    )
    ppocr = profiles.of("ppocr")
    assert (ppocr.seconds_per_page, ppocr.languages, ppocr.boxes) == (9.0, ("ru",), "words")
    assert profiles.of("x", "mine").accuracy_for("formula") == 5
    assert profiles.of("x", "glm-ocr").accuracy_for("table") == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engines: {a: {accuracy: {novel: 3}}}", "a.accuracy: 'novel' is no document type"),
        ("engines: {a: {accuracy: {table: 6}}}", "engines.a.accuracy.table: "),
        ("engines: {a: {speed: 1}}", "engines.a.speed: "),
        ("families: {a: {languages: [russian]}}", "families.a.languages"),
        ("machines: {}", "machines: "),
        ("engines: [", "is no valid YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        loaded(tmp_path, text)
    assert "engines.yaml" in caught.value.message
    assert said in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        load_profiles(Settings(_env_file=None, engines_file=tmp_path / "none.yaml"))
