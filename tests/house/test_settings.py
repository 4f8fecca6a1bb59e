"""`.env.example` and `docs/configuration.md` say of every setting what the code says."""

import re
from pathlib import Path

import pytest

from maoocr.settings import Settings
from scripts.reference.settings import Leaf, configuration_page, env_example, leaves
from tests.house.checkout import ROOT

LINE = re.compile(r"^#([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for leaf in leaves():
        monkeypatch.delenv(leaf.name, raising=False)


def test_env_example_is_as_the_code_says() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example(), "run scripts/docs"


def test_configuration_page_is_as_the_code_says() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert page == configuration_page(), "run scripts/docs"


@pytest.mark.parametrize("leaf", list(leaves()), ids=lambda leaf: leaf.name)
def test_every_setting_says_what_it_does(leaf: Leaf) -> None:
    assert leaf.description.endswith(".")


def test_env_example_uncommented_is_the_default_configuration(tmp_path: Path) -> None:
    written = LINE.findall((ROOT / ".env.example").read_text(encoding="utf-8"))
    env_file = tmp_path / ".env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in written))
    assert Settings(_env_file=env_file) == Settings(_env_file=None)


def test_every_line_of_env_example_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name would be ignored in silence: each must be able to stop the start."""
    free_text = {"MODEL_PATH", "MAOOCR_ENGINE", "MAOOCR_LOCAL_FILES_ROOT", "MAOOCR_SERVER__HOST"}
    free_text |= {"MAOOCR_SERVER__ALLOWED_HOSTS", "MAOOCR_SERVER__TRUSTED_PROXIES"}
    free_text |= {"MAOOCR_EXTRA_ENGINES"}
    free_text |= {"MAOOCR_SPOOL__DIR", "MAOOCR_STATE_DIR"}
    free_text |= {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    free_text |= {"MAOOCR_ENGINES_FILE", "MAOOCR_VLM__MODEL", "MAOOCR_VLM__FAMILY"}
    free_text |= {"MAOOCR_VLM__API_KEY", "MAOOCR_VLM__ENGINE", "HF_TOKEN"}
    free_text |= {"MAOOCR_OUTBOUND__ALLOW", "MAOOCR_OUTBOUND__DENY", "MAOOCR_CACHE__PREFIX"}
    for leaf in leaves():
        if leaf.name not in free_text:
            monkeypatch.setenv(leaf.name, "not-a-value")
            with pytest.raises(ValueError, match="validation error"):
                Settings(_env_file=None)
            monkeypatch.delenv(leaf.name)
