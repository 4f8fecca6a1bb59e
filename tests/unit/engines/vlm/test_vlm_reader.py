import asyncio
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from maoocr.domain import Focus, Polygon, Region
from maoocr.engines.base import PageText
from maoocr.engines.vlm.pictures import pictures_of
from maoocr.engines.vlm.reader import Again, VlmReader
from maoocr.errors import EndpointFault, EndpointUnavailable
from maoocr.vllm.chat import ChatReply, ChatRequest, ImagePart, OnText, TextPart
from maoocr.vllm.families import Family, Task, family_of

GENERIC = family_of("generic")
ELEMENTS = family_of("paddleocr-vl")
TWO_STEPS = family_of("mineru")
PAGE = np.full((400, 300, 3), 255, np.uint8)
LATER = 1e12

Answer = str | ChatReply | Exception


class Teller:
    """Answers each call with what it is told, and remembers what it was asked."""

    def __init__(self, *answers: Answer | Callable[[ChatRequest], Answer]) -> None:
        self.asked: list[ChatRequest] = []
        self._answers = list(answers)

    async def complete(
        self,
        request: ChatRequest,
        *,
        on_text: OnText | None = None,
        deadline: float | None = None,
    ) -> ChatReply:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, ChatReply) else reply(answer)


def reply(text: str, finish: str = "stop") -> ChatReply:
    return ChatReply(text, finish, 100, 10, "e", 0.1, 0.05, 0.5)  # type: ignore[arg-type]


def reader(teller: Teller, family: Family = GENERIC) -> VlmReader:
    return VlmReader("vlm", "a-model", family, teller)


async def read(
    teller: Teller, family: Family = GENERIC, focus: Focus | None = None
) -> PageText | Again:
    one = reader(teller, family)
    return await one.read(one.show(PAGE, 1.0, focus), deadline=LATER)


async def page_of(teller: Teller, family: Family = GENERIC, focus: Focus | None = None) -> PageText:
    page = await read(teller, family, focus)
    assert isinstance(page, PageText)
    return page


def size_of(part: object) -> tuple[int, int]:
    assert isinstance(part, ImagePart)
    return Image.open(io.BytesIO(part.data)).size


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


async def test_a_page_becomes_blocks_and_lines_that_point_at_each_other() -> None:
    page = await page_of(Teller("# Title\n\nOne line\n\n| a | b |\n|---|---|\n| c | d |"))
    assert [block.kind for block in page.blocks][1:] == ["text", "table"]
    for block in page.blocks:
        assert [page.lines[i].text for i in block.lines] == [
            text.replace("\t", " ") for text in block.text.split("\n")
        ]
    assert {line.polygon_source for line in page.lines} == {"page"}
    assert page.lines[0].polygon == box(0, 0, 300, 400)
    assert page.spent is not None
    assert (page.spent.calls, page.spent.output_tokens, page.spent.cost) == (1, 10, 0.5)


async def test_an_empty_page_is_a_result() -> None:
    page = await page_of(Teller(""))
    assert (page.lines, page.blocks) == ((), ())


@pytest.mark.parametrize("finish", ["length", "repetition", "loop"])
async def test_an_answer_that_is_not_whole_is_asked_for_again_warmer_then_smaller(
    finish: str,
) -> None:
    teller = Teller(reply("half", finish), reply("half", finish), "all of it")
    page = await page_of(teller)
    assert [line.text for line in page.lines] == ["all of it"]
    assert page.flags == ()
    heats = [request.temperature for request in teller.asked]
    assert heats == sorted(heats)
    assert heats[0] < heats[1]
    sizes = [size_of(part) for r in teller.asked for part in r.parts if isinstance(part, ImagePart)]
    assert sizes[0] == sizes[1]
    assert sizes[2][0] < sizes[1][0]
    assert page.spent is not None
    assert page.spent.calls == 3


async def test_the_best_of_bad_answers_is_given_with_what_is_wrong() -> None:
    teller = Teller(reply("a", "length"), reply("a longer one", "length"), reply("b", "length"))
    page = await page_of(teller)
    assert [line.text for line in page.lines] == ["a longer one"]
    assert page.flags == ("truncated",)


async def test_a_fault_after_a_bad_answer_leaves_that_one() -> None:
    page = await page_of(Teller(reply("half", "length"), EndpointFault("It broke.")))
    assert page.flags == ("truncated",)


async def test_nobody_there_is_an_error() -> None:
    with pytest.raises(EndpointUnavailable):
        await read(Teller(EndpointUnavailable("Nobody.")))


async def test_of_regions_each_has_its_block_in_their_order() -> None:
    regions = tuple(Region(box(0, 40.0 * row, 200, 40.0 * row + 30)) for row in range(5))

    page = await page_of(Teller(*(f"said {n}" for n in range(5))), focus=Focus(0, regions))
    assert [block.text for block in page.blocks] == [f"said {n}" for n in range(5)]
    assert [block.polygon for block in page.blocks] == [region.polygon for region in regions]
    assert page.lines == ()


async def test_a_region_that_fails_is_flagged_and_the_others_are_read() -> None:
    regions = (Region(box(0, 0, 90, 20)), Region(box(0, 50, 90, 70)))
    page = await page_of(Teller(EndpointFault("It broke."), "good"), focus=Focus(0, regions))
    assert sorted((block.text, block.flags) for block in page.blocks) == [
        ("", ("malformed",)),
        ("good", ()),
    ]


async def test_when_all_regions_fail_so_does_the_page() -> None:
    regions = (Region(box(0, 0, 90, 20)), Region(box(0, 50, 90, 70)))
    with pytest.raises(EndpointFault):
        await read(Teller(EndpointFault("It broke.")), focus=Focus(0, regions))


async def test_a_model_of_elements_gets_the_parts_that_were_found() -> None:
    layout = (Region(box(0, 0, 300, 40)), Region(box(0, 100, 300, 300), "table"))
    teller = Teller(
        lambda request: "<fcel>a<fcel>b<nl>" if "Table" in str(prompt_of(request)) else "A heading"
    )
    page = await page_of(teller, ELEMENTS, Focus(0, (), layout))
    assert [block.kind for block in page.blocks] == ["text", "table"]
    assert "<td>" in page.blocks[1].html
    assert page.lines[0].polygon == box(0, 0, 300, 40)
    assert page.lines[0].polygon_source == "model"


async def test_a_model_of_pages_does_not_need_them() -> None:
    teller = Teller("All of it")
    await page_of(teller, GENERIC, Focus(0, (), (Region(box(0, 0, 300, 40)),)))
    assert len(teller.asked) == 1


async def test_a_layout_is_asked_for_part_by_part() -> None:
    layout = (
        "<|box_start|>100 100 900 200<|box_end|><|ref_start|>title<|ref_end|><|rotate_up|>\n"
        "<|box_start|>100 300 900 500<|box_end|><|ref_start|>text<|ref_end|><|rotate_up|>"
    )
    one = reader(Teller(layout, "Heading", "Body"), TWO_STEPS)
    again = await one.read(one.show(PAGE, 1.0, None), deadline=LATER)
    assert isinstance(again, Again)
    assert len(again.focus.regions) == 2
    page = await one.read(one.show(PAGE, 1.0, again), deadline=LATER)
    assert isinstance(page, PageText)
    assert [block.text for block in page.blocks] == ["Heading", "Body"]
    assert page.spent is not None
    assert page.spent.calls == 3


@pytest.mark.parametrize(("mark", "corner"), [("up", 0), ("right", 1), ("down", 2), ("left", 3)])
async def test_a_part_on_its_side_is_cut_out_from_its_own_top_left(mark: str, corner: int) -> None:
    layout = f"<|box_start|>100 100 900 500<|box_end|><|ref_start|>text<|ref_end|><|rotate_{mark}|>"
    one = reader(Teller(layout), TWO_STEPS)
    again = await one.read(one.show(PAGE, 1.0, None), deadline=LATER)
    assert isinstance(again, Again)
    upright = box(30, 40, 270, 200)
    found = again.focus.regions[0].polygon
    for place, expected in zip(found, (*upright[corner:], *upright[:corner]), strict=True):
        assert place == pytest.approx(expected, abs=1)


async def test_a_cancelled_page_cancels_its_calls() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    class Endless(Teller):
        async def complete(self, request: ChatRequest, **_: object) -> ChatReply:
            began.set()
            try:
                await asyncio.Event().wait()
                return reply("")
            finally:
                ended.set()

    regions = (Region(box(0, 0, 90, 20)),)
    task = asyncio.create_task(read(Endless(""), focus=Focus(0, regions)))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


HUNYUAN = "hunyuan-ocr"
LINES_WITH_PLACES = {
    HUNYUAN: "one(100,100),(500,200)\ntwo(100,300),(900,400)",
    "PaddleOCR-VL-1.6-0.9B": "\n".join(
        words + "".join(f"<|LOC_{n}|>" for n in (x0, y0, x1, y0, x1, y1, x0, y1))
        for words, x0, y0, x1, y1 in (("one", 100, 100, 500, 200), ("two", 100, 300, 900, 400))
    ),
}


@pytest.mark.parametrize(("model", "answer"), LINES_WITH_PLACES.items())
async def test_where_nobody_found_the_lines_the_model_is_asked_for_their_places(
    model: str, answer: str
) -> None:
    teller = Teller(answer)
    one = VlmReader("vlm", model, family_of(model), teller)
    page = await one.read(one.show(PAGE, 1.0, None), deadline=LATER)
    assert isinstance(page, PageText)
    assert [(line.text, line.polygon_source) for line in page.lines] == [
        ("one", "model"),
        ("two", "model"),
    ]
    places = [[round(n, 6) for point in line.polygon for n in point] for line in page.lines]
    expected = box(30, 40, 150, 80), box(30, 120, 270, 160)
    assert places == [[n for point in place for n in point] for place in expected]
    assert prompt_of(teller.asked[0]) == family_of(model).tasks["spotting"].text


@pytest.mark.parametrize(
    ("model", "focus", "structure", "task"),
    [
        (HUNYUAN, None, True, "page"),
        (HUNYUAN, Focus(0), False, "page"),
        ("PaddleOCR-VL-1.6-0.9B", None, True, "spotting"),
        ("PaddleOCR-VL-1.6-0.9B", Focus(0), False, "text"),
        ("PaddleOCR-VL", None, False, "text"),
        ("some-vision-model", None, False, "page"),
    ],
)
async def test_else_it_reads_as_it_does_best(
    model: str, focus: Focus | None, structure: bool, task: Task
) -> None:
    """The rows: structure is wanted, or not; somebody has looked at the page, or nobody has."""
    teller = Teller("Words.")
    one = VlmReader("vlm", model, family_of(model), teller)
    await one.read(one.show(PAGE, 1.0, focus, structure=structure), deadline=LATER)
    assert prompt_of(teller.asked[0]) == family_of(model).tasks[task].text


def prompt_of(request: ChatRequest) -> str:
    return " ".join(part.text for part in request.parts if isinstance(part, TextPart))


def test_another_model_or_prompt_is_another_digest() -> None:
    base = reader(Teller(""))
    assert base.info.model_digest == reader(Teller("")).info.model_digest
    other = VlmReader("vlm", "b-model", GENERIC, Teller(""))
    asked = replace(GENERIC, tasks={"page": replace(GENERIC.tasks["page"], text="Other words.")})
    digests = {r.info.model_digest for r in (base, other, reader(Teller(""), asked))}
    assert len(digests) == 3


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_region_is_cut_out_of_the_upright_page(turn: int) -> None:
    upright = np.full((400, 300, 3), 255, np.uint8)
    upright[100:140, 50:250] = (200, 0, 0)
    lying = np.rot90(upright, turn // 90)
    region = Region(box(50, 100, 250, 140))
    (picture,) = pictures_of(lying, Focus(turn, (region,)), 1.0, GENERIC)
    pixels = np.asarray(Image.open(io.BytesIO(picture.part.data)).convert("RGB"))
    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
    assert abs(int(middle[0]) - 200) < 12
    assert middle[1] < 12
    assert picture.place == region.polygon


def test_regions_of_a_page_that_was_scaled_down_are_found_in_its_picture() -> None:
    region = Region(box(100, 200, 500, 280))
    (picture,) = pictures_of(PAGE, Focus(0, (region,)), 0.5, GENERIC)
    assert picture.place == box(50, 100, 250, 140)


def test_a_region_that_reaches_over_the_edge_is_cut_all_the_same() -> None:
    (picture,) = pictures_of(PAGE, Focus(0, (Region(box(-20, -20, 400, 30)),)), 1.0, GENERIC)
    assert min(size_of(picture.part)) > 0
