"""Endpoints are what the file and the environment say, or the start says what is wrong."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from maoocr.errors import InvalidRequest
from maoocr.settings import Settings, VlmSettings
from maoocr.vllm.endpoints import Endpoint, default_engines_path, endpoints_of

ONE: dict[str, Any] = {
    "name": "one",
    "url": "http://vllm:8000",
    "model": "PaddleOCR-VL-1.6-0.9B",
    "privacy": "local",
}


def read(tmp_path: Path, *entries: dict[str, Any], **vlm: Any) -> tuple[Endpoint, ...]:
    file = tmp_path / "engines.yaml"
    file.write_text(yaml.safe_dump({"engines": {"x": 1}, "endpoints": list(entries)}))
    settings = Settings(_env_file=None, engines_file=file, vlm=VlmSettings(**vlm))
    return endpoints_of(settings, {"KEY": "sk-secret", "EMPTY": " "})


def test_the_default_file_names_none() -> None:
    assert default_engines_path().is_file()
    assert endpoints_of(Settings(_env_file=None), {}) == ()


def test_the_environment_names_one(tmp_path: Path) -> None:
    (found,) = read(
        tmp_path, url="http://vllm:8000/", model="m", api_key="sk-secret", idle_seconds=3.0
    )
    assert (found.name, found.engine, found.family) == ("vlm", "vlm", "auto")
    assert (found.url, found.root) == ("http://vllm:8000/v1", "http://vllm:8000")
    assert found.idle_s == 3.0
    assert found.is_probed
    assert "sk-secret" not in repr(found)


def test_a_url_needs_a_model(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="MAOOCR_VLM__MODEL"):
        read(tmp_path, url="http://vllm:8000")


def test_the_file_names_more(tmp_path: Path) -> None:
    cloud = ONE | {
        "name": "cloud",
        "engine": "big",
        "url": "https://api.example.com/openai/v1/",
        "privacy": "remote",
        "api_key_env": "KEY",
        "price_input_per_1k": 0.5,
        "price_output_per_1k": 2,
        "price_per_page": 0.01,
        "daily_budget": 3,
        "total_s": 9,
    }
    one, big = read(tmp_path, ONE, cloud, total_seconds=50.0)
    assert (one.engine, one.total_s, one.api_key) == ("vlm", 50.0, "")
    assert (big.engine, big.total_s, big.api_key) == ("big", 9.0, "sk-secret")
    assert big.url == "https://api.example.com/openai/v1"
    assert not big.is_probed
    assert big.cost_of(1000, 500) == pytest.approx(1.51)


def test_a_key_may_stand_in_a_file(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-file\n")
    (found,) = read(tmp_path, ONE | {"api_key_file": str(key)})
    assert found.api_key == "sk-file"


def test_endpoints_of_one_engine_share_its_work(tmp_path: Path) -> None:
    found = read(tmp_path, ONE, ONE | {"name": "two", "url": "http://other", "weight": 2})
    assert [endpoint.engine for endpoint in found] == ["vlm", "vlm"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"privacy": "remote"}, "privacy"),
        ({"model": "another"}, "model"),
        ({"family": "qwen-vl"}, "family"),
    ],
)
def test_endpoints_of_one_engine_must_agree(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    """Else a request that must stay local could leave."""
    with pytest.raises(InvalidRequest, match=f"'one' and 'two'.*{told}"):
        read(tmp_path, ONE, ONE | {"name": "two"} | change)


def test_the_environment_must_agree_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="privacy"):
        read(tmp_path, ONE, url="http://a", model=ONE["model"], privacy="remote")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://user:pw@host"}, "url"),
        ({"url": "http://host:99999"}, "url"),
        ({"url": "http://host/v1?key=1"}, "url"),
        ({"model": ""}, "model"),
        ({"name": "No Name"}, "name"),
        ({"weight": 0}, "weight"),
        ({"concurrency": 0}, "concurrency"),
        ({"price_per_page": -1}, "price_per_page"),
        ({"daily_budget": 5}, "daily_budget"),
        ({"privacy": "secret"}, "privacy"),
        ({"colour": "red"}, "colour"),
        ({"api_key": "sk-in-the-file"}, "api_key"),
        ({"api_key_env": "KEY", "api_key_file": "/x"}, "not both"),
        ({"api_key_env": "EMPTY"}, "EMPTY holds no key"),
        ({"api_key_env": "ABSENT"}, "ABSENT holds no key"),
        ({"api_key_file": "/does/not/exist"}, "cannot be read"),
    ],
)
def test_nonsense_is_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told) as raised:
        read(tmp_path, ONE | change)
    assert "engines.yaml" in raised.value.message
    assert "sk-" not in raised.value.message


def test_two_of_one_name_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="Two endpoints are called 'one'"):
        read(tmp_path, ONE, ONE)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, engines_file=tmp_path / "absent.yaml")
    with pytest.raises(InvalidRequest, match="cannot be read"):
        endpoints_of(settings, {})


@pytest.mark.parametrize("text", ["{", "- 1", "endpoints: 5", "\x00"])
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "engines.yaml"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=r"engines\.yaml"):
        endpoints_of(Settings(_env_file=None, engines_file=file), {})
