"""The pages say what the program does: each error, metric and route, each command and link."""

import re
from pathlib import Path

import pytest

from maoocr.bootstrap import create_app
from maoocr.settings import Settings
from maoocr.vllm.families import FAMILIES
from scripts.reference.errors import errors_page
from scripts.reference.metrics import metrics_page
from scripts.reference.routes import openapi_document, route_names
from tests.house.checkout import ROOT, project_files
from tests.unit.vllm.families.answers import recorded

PAGES = [path for path in project_files() if path.suffix == ".md"]
READMES = ("README.md", "README.zh-CN.md")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
IN_CHECKOUT = re.compile(
    r"(?:^|[\s@=./])((?:docs|scripts|configs|tests|bench)/[\w./-]+|\./\w+\.sh)"
)


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text(name)) if kind == language]


def test_errors_page_is_as_the_code_says() -> None:
    assert text("docs/errors.md") == errors_page(), "run scripts/docs"


def test_metrics_page_is_as_the_code_says() -> None:
    assert text("docs/metrics.md") == metrics_page(), "run scripts/docs"


def test_openapi_document_is_as_the_code_says() -> None:
    assert text("docs/openapi.json") == openapi_document(), "run scripts/docs"


def test_every_route_has_its_place_in_the_api_page() -> None:
    page = text("docs/api.md")
    routes = route_names(create_app(Settings(_env_file=None)))
    assert routes
    assert [route for route in routes if f"`{route}`" not in page] == []


def test_the_api_page_names_no_route_that_is_not_there() -> None:
    routes = set(route_names(create_app(Settings(_env_file=None))))
    told = re.findall(r"`((?:GET|POST|PUT|DELETE|PATCH|WS) /[^`?]*)`", text("docs/api.md"))
    assert set(told) <= routes


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target, _ in LINK.findall(page.read_text(encoding="utf-8"))]
    local = [t for t in targets if "://" not in t and not t.startswith("mailto:")]
    assert [t for t in local if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md"])
def test_commands_name_files_that_exist(name: str) -> None:
    commands = blocks(name, "sh")
    assert commands
    named = [path for block in commands for path in IN_CHECKOUT.findall(block)]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_python_examples_compile(name: str) -> None:
    examples = blocks(name, "python")
    assert examples
    for example in examples:
        compile(example, name, "exec")


def test_both_readmes_show_the_same_code() -> None:
    ours, theirs = (FENCE.findall(text(name)) for name in READMES)
    assert [strip_comments(body) for _, body in ours] == [strip_comments(b) for _, b in theirs]


def strip_comments(code: str) -> str:
    return re.sub(r"\s*#.*$", "", code, flags=re.MULTILINE)


def test_ci_runs_the_command_that_the_readme_names() -> None:
    assert any("scripts/test" in block for block in blocks("README.md", "sh"))
    assert "scripts/test" in text(".ci/run")


def test_the_page_on_models_has_every_family() -> None:
    rows = re.findall(
        r"^\| `([\w.-]+)` \| (.+?) \| (.+?) \| (yes|when asked|no) \|$", text("docs/vlm.md"), re.M
    )
    placed = {
        answer.family
        for answer in recorded()
        if answer.task == "page" and any(block.box for block in answer.parsed().blocks)
    }
    yes_or_no = {True: "yes", False: "no"}
    assert rows == [
        (
            family.name,
            family.title,
            "pages" if family.reads_pages else "parts of pages",
            "when asked" if "spotting" in family.tasks else yes_or_no[family.name in placed],
        )
        for family in FAMILIES
    ]
