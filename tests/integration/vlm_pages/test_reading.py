"""Pages through HTTP, PP-OCR and a vision-language model: each reads its part."""

import io
import json
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from maoocr.domain import Focus, Region
from maoocr.engines.vlm.pictures import pictures_of
from maoocr.vllm.families import family_of
from tests.fakes.vlm_server import Say, VlmServer, picture_key
from tests.integration.vlm_pages.conftest import MODEL, away

pytestmark = pytest.mark.integration

FRESH = {"Cache-Control": "no-store"}
LINES = (
    "Invoice number 2026-118",
    "The quick brown fox jumps",
    "over the lazy dog again",
    "Total amount 1050.00 EUR",
)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return draw(tmp_path_factory.mktemp("pictures") / "page.png", LINES)


def draw(path: Path, lines: tuple[str, ...], turn: int = 0) -> bytes:
    page = Image.new("RGB", (900, 80 + 90 * len(lines)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(42)
    for row, text in enumerate(lines):
        pen.text((60, 50 + 90 * row), text, "black", font)
    page.rotate(turn, expand=True).save(path)
    return path.read_bytes()


def recognize(http: httpx.Client, image: bytes, **fields: Any) -> dict[str, Any]:
    needs, request_id = fields.pop("requirements", None), fields.pop("request_id", None)
    ids = {"X-Request-ID": request_id} if request_id else {}
    route = "/api/ocr/recognize"
    if needs is not None:
        route, fields["requirements"] = f"{route}-with-requirements", json.dumps(needs)
    answer = http.post(
        route,
        files={"image": ("page.png", image)},
        data=fields,
        headers=FRESH | ids,
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_model_reads_the_page_and_pp_ocr_tells_where(
    http: httpx.Client, vlm: VlmServer, picture: bytes
) -> None:
    vlm.default = Say("# " + LINES[0] + "\n\n" + f"{LINES[1]} {LINES[2]}" + "\n\n" + LINES[3])
    answer = recognize(http, picture, engine="vlm")
    page = answer["pages"][0]
    assert [line["text"] for line in page["lines"]] == [
        LINES[0],
        f"{LINES[1]} {LINES[2]}",
        LINES[3],
    ]
    assert {line["polygon_source"] for line in page["lines"]} == {"matched"}
    tops = [line["polygon"][0][1] for line in page["lines"]]
    assert tops == sorted(tops)
    joined = page["lines"][1]["polygon"]
    assert joined[2][1] - joined[0][1] > 90
    assert page["blocks"][0]["kind"] in {"title", "heading"}
    assert answer["selected_models"] == ["vlm"]
    assert page["spent"]["output_tokens"] > 0
    assert answer["confidence"] > 0.8
    # The server's context is shorter than what the family would let an answer have.
    assert "max_tokens" not in vlm.asks[0].body


def test_the_models_server_learns_for_which_request_it_reads(
    http: httpx.Client, vlm: VlmServer, tmp_path: Path
) -> None:
    """Of two at the same time: the pages of both go through the same lanes."""
    pages = {"a.1": draw(tmp_path / "a.png", LINES[:1]), "b-2": draw(tmp_path / "b.png", LINES)}
    vlm.default = Say(" ".join(f"word{n}" for n in range(50)), piece_s=0.01)
    # With connections of their own: those that lie idle get closed under the next test.
    with (
        httpx.Client(base_url=http.base_url, timeout=120) as crowd,
        ThreadPoolExecutor(8) as callers,
    ):
        asked = [
            callers.submit(recognize, crowd, page, engine="vlm", request_id=name)
            for _ in range(4)
            for name, page in pages.items()
        ]
    assert all(call.result()["pages"] for call in asked)
    names: dict[int, list[str]] = defaultdict(list)
    for ask in vlm.asks:
        with Image.open(io.BytesIO(ask.images[0])) as shown:
            names[shown.height * 900 // shown.width].append(ask.headers["x-request-id"])
    short, long = (names[height] for height in sorted(names))
    assert [len(short), len(long)] == [4, 4]
    assert all(name.startswith("a.1-") for name in short)
    assert all(name.startswith("b-2-") for name in long)
    # vLLM tells its calls apart by them.
    assert len({*short, *long}) == 8


def test_pages_of_a_job_are_read_for_the_request_that_made_it(
    http: httpx.Client, vlm: VlmServer, picture: bytes
) -> None:
    vlm.default = Say("\n\n".join(LINES))
    job = http.post(
        "/api/ocr/jobs",
        files={"files": ("page.png", picture)},
        data={"engine": "vlm"},
        headers={"X-Request-ID": "of-the-job"},
    ).json()
    page = http.get(f"/api/ocr/jobs/{job['id']}/results", params={"follow": True}).json()
    assert page["engine"] == "vlm"
    assert [ask.headers["x-request-id"][:11] for ask in vlm.asks] == ["of-the-job-"]


def test_what_the_model_invents_is_flagged(
    http: httpx.Client, vlm: VlmServer, picture: bytes
) -> None:
    vlm.default = Say("\n\n".join([*LINES, "Wire it to account 99887766"]))
    page = recognize(http, picture, engine="vlm")["pages"][0]
    assert [line.get("flags") for line in page["lines"]] == [None] * 4 + [["unsupported"]]


def test_a_model_that_goes_round_in_circles_is_cut_and_pp_ocr_reads(
    http: httpx.Client, vlm: VlmServer, picture: bytes
) -> None:
    vlm.default = Say("and so on and so forth ", endless=True)
    answer = recognize(http, picture, engine="vlm")
    page = answer["pages"][0]
    assert page["engine"] == "ppocr"
    assert page["flags"] == ["fallback"]
    assert answer["text"].split("\n") == list(LINES)
    assert any("could not read" in reason for reason in answer["selection"]["reasons"])


def test_without_the_models_server_pp_ocr_reads_and_says_so(
    http: httpx.Client, vlm: VlmServer, picture: bytes
) -> None:
    with away(vlm, http):
        answer = recognize(http, picture, engine="vlm")
    assert answer["text"].split("\n") == list(LINES)
    assert answer["pages"][0]["engine"] == "ppocr"


def wrong_line(page: Image.Image) -> None:
    """Blur one line until a reader of lines begins to guess."""
    box = (50, 310, 850, 400)
    part = page.crop(box)
    small = part.resize((part.width // 8, part.height // 8), Image.Resampling.BILINEAR)
    page.paste(small.resize(part.size, Image.Resampling.BILINEAR), box)


@pytest.fixture(scope="module")
def blurred(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("pictures") / "blurred.png"
    draw(path, (*LINES, *(f"A line that is certain, number {n}" for n in range(6))))
    with Image.open(path) as page:
        page.load()
    wrong_line(page)
    page.save(path)
    return path.read_bytes()


HIGH = {"accuracy_requirement": "high"}


def told_in_advance(image: bytes, lines: Sequence[Mapping[str, Any]]) -> dict[str, Say]:
    """What each line says, by the picture of it that a model would be shown."""
    pixels = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))
    places = [tuple((x, y) for x, y in line["polygon"]) for line in lines]
    regions = tuple(Region(place) for place in places)  # type: ignore[arg-type]
    shown = pictures_of(pixels, Focus(0, regions), 1.0, family_of(MODEL))
    keys = [picture_key(picture.part.data) for picture in shown]
    return {key: Say(line["text"]) for key, line in zip(keys, lines, strict=True)}


def test_a_doubtful_line_is_read_again_and_certain_ones_to_see_whom_to_believe(
    http: httpx.Client, vlm: VlmServer, blurred: bytes
) -> None:
    plain = recognize(http, blurred)["pages"][0]["lines"]
    assert min(plain, key=lambda line: line["score"]) == plain[3]
    vlm.answers |= told_in_advance(
        blurred, [*plain[:3], {**plain[3], "text": LINES[3]}, *plain[4:]]
    )
    needs = {**HIGH, "min_confidence": plain[3]["score"] + 0.001}
    answer = recognize(http, blurred, requirements=needs, engine="ppocr")
    line = answer["pages"][0]["lines"][3]
    assert answer["selection"]["second"] == "vlm"
    assert answer["selected_models"] == ["ppocr", "vlm"]
    assert (line["text"], line["flags"]) == (LINES[3], ["reread"])
    assert line["polygon"] == plain[3]["polygon"]
    assert len(vlm.asks) == 3


def test_a_model_that_lies_changes_nothing(
    http: httpx.Client, vlm: VlmServer, blurred: bytes
) -> None:
    plain = recognize(http, blurred)["text"]
    vlm.default = Say("All your base are belong to us")
    answer = recognize(http, blurred, requirements={**HIGH, "min_confidence": 0.9}, engine="ppocr")
    assert answer["text"] == plain


def test_without_the_model_the_first_reading_stands_and_is_marked(
    http: httpx.Client, vlm: VlmServer, blurred: bytes
) -> None:
    vlm.default = Say("", status=500)
    answer = recognize(http, blurred, requirements={**HIGH, "min_confidence": 0.99}, engine="ppocr")
    page = answer["pages"][0]
    assert page["engine"] == "ppocr"
    assert "not_reread" in page["flags"]
    assert any("doubtful" in line.get("flags", ()) for line in page["lines"])


def test_who_leaves_ends_the_models_work(
    http: httpx.Client, vlm: VlmServer, picture: bytes
) -> None:
    vlm.default = Say("It begins", hang="middle")
    left = threading.Event()

    def ask() -> None:
        with pytest.raises(httpx.TimeoutException):
            http.post(
                "/api/ocr/recognize",
                files={"image": ("page.png", picture)},
                data={"engine": "vlm"},
                headers=FRESH,
                timeout=httpx.Timeout(60, read=2.0),
            )
        left.set()

    asking = threading.Thread(target=ask)
    asking.start()
    vlm.wait_for(lambda: vlm.running == 1)
    assert left.wait(30)
    vlm.wait_for(lambda: vlm.running == 0)
    asking.join()
    assert vlm.aborted == 1


def test_markdown_is_the_models_own_structure(
    http: httpx.Client, vlm: VlmServer, picture: bytes
) -> None:
    vlm.default = Say(f"# {LINES[0]}\n\n- {LINES[1]}\n- {LINES[2]}\n\n{LINES[3]}")
    answer = http.post(
        "/api/ocr/recognize",
        files={"image": ("page.png", picture)},
        data={"engine": "vlm", "format": "markdown"},
        headers=FRESH,
    )
    assert answer.status_code == 200
    assert f"# {LINES[0]}" in answer.text
    assert f"- {LINES[1]}" in answer.text


def test_a_page_on_its_side_is_turned_before_the_model_sees_it(
    http: httpx.Client, vlm: VlmServer, tmp_path: Path
) -> None:
    vlm.default = Say("\n\n".join(LINES))
    answer = recognize(http, draw(tmp_path / "turned.png", LINES, 90), engine="vlm")
    page = answer["pages"][0]
    assert page["rotation_deg"] == 90
    assert page["width"] == 900
    assert {line["polygon_source"] for line in page["lines"]} == {"matched"}
