"""`<NAME>_FILE`: the value of a setting from a file."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from maoocr.settings import Settings
from scripts.reference.settings import leaves

URL = "postgresql://maoocr:s3cret@postgres/maoocr"


@pytest.fixture
def url_file(tmp_path: Path) -> Path:
    file = tmp_path / "database_url"
    file.write_text(f"{URL}\n")
    return file


def problems(**given: object) -> list[tuple[str, str]]:
    """Variable and sentence of each error that the settings have."""
    with pytest.raises(ValidationError) as wrong:
        Settings(**{"_env_file": None, **given})  # type: ignore[arg-type]
    return [("__".join(map(str, one["loc"])), one["msg"]) for one in wrong.value.errors()]


def test_a_file_gives_a_setting_without_its_last_newline(
    monkeypatch: pytest.MonkeyPatch, url_file: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", str(url_file))
    assert Settings(_env_file=None).database_url == URL


def test_a_file_gives_a_setting_of_a_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b" sixteen letters!\r\n")
    monkeypatch.setenv("MAOOCR_JOBS__WEBHOOK_SECRET_FILE", str(file))
    assert Settings(_env_file=None).jobs.webhook_secret == " sixteen letters!"


def test_a_line_of_the_env_file_may_name_the_file(tmp_path: Path, url_file: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"DATABASE_URL_FILE={url_file}\nMAOOCR_JOBS__POLL_SECONDS=3\n")
    settings = Settings(_env_file=env_file)
    assert (settings.database_url, settings.jobs.poll_seconds) == (URL, 3)


def test_the_environment_comes_before_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url_file: Path
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"DATABASE_URL_FILE={tmp_path / 'other'}\n")
    (tmp_path / "other").write_text("sqlite:///other")
    monkeypatch.setenv("DATABASE_URL_FILE", str(url_file))
    assert Settings(_env_file=env_file).database_url == URL


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "empty"
    file.write_text(content)
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    assert Settings(_env_file=None).database_url == ""


def test_an_empty_name_of_a_file_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", "")
    assert Settings(_env_file=None).database_url == ""


def test_a_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "missing"
    monkeypatch.setenv("REDIS_URL_FILE", str(file))
    sentence = f"{file} cannot be read: No such file or directory"
    assert problems() == [("REDIS_URL_FILE", sentence)]


def test_a_file_that_is_no_text_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(b"\xff\xfe")
    monkeypatch.setenv("REDIS_URL_FILE", str(file))
    assert problems() == [("REDIS_URL_FILE", f"{file} cannot be read: it is no text in UTF-8")]


def test_a_setting_that_is_given_both_ways_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url_file: Path
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("DATABASE_URL=sqlite:///other\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(url_file))
    sentence = "DATABASE_URL and DATABASE_URL_FILE are both set, and only one of them may be"
    assert problems(_env_file=env_file) == [("DATABASE_URL_FILE", sentence)]


def test_a_wrong_secret_is_not_in_the_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "database_url"
    file.write_text("mysql://maoocr:s3cret@host/db")
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    with pytest.raises(ValidationError) as wrong:
        Settings(_env_file=None)
    assert "s3cret" not in str(wrong.value)


def test_a_setting_whose_own_name_ends_in_file_is_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAOOCR_ENGINES_FILE", str(tmp_path / "engines.yaml"))
    assert Settings(_env_file=None).engines_file == tmp_path / "engines.yaml"


def test_a_variable_of_somebody_else_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(tmp_path / "missing"))
    assert Settings(_env_file=None) == Settings(_env_file=None)


@pytest.mark.parametrize("name", [leaf.name for leaf in leaves()])
def test_every_setting_can_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "missing"
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(file))
    assert [variable for variable, _ in problems()] == [f"{name}_FILE"]
