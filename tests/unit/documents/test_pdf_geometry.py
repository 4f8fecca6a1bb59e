import pytest
from hypothesis import given
from hypothesis import strategies as st

from maoocr.documents.limits import DecodeLimits
from maoocr.documents.pdf_columns import in_columns
from maoocr.documents.pdf_resolution import page_pixels
from maoocr.errors import TooLarge

LIMITS = DecodeLimits()


def dpi(pixels: tuple[int, int], width_pt: float) -> float:
    return pixels[0] * 72 / width_pt


def test_a_sheet_of_paper_is_rendered_at_200_dpi() -> None:
    assert page_pixels(595.276, 841.89, limits=LIMITS) == (1653, 2338)


def test_a_small_page_gets_more_but_not_more_than_300() -> None:
    ticket = page_pixels(300, 200, limits=LIMITS)
    card = page_pixels(243, 153, limits=LIMITS)
    assert 280 < dpi(ticket, 300) < 300
    assert dpi(card, 243) == pytest.approx(300, abs=1)


@pytest.mark.parametrize(("scan_dpi", "expected"), [(150, 150), (600, 300), (20, 72)])
def test_a_scan_keeps_its_own_resolution_within_reason(scan_dpi: float, expected: float) -> None:
    pixels = page_pixels(595, 842, limits=LIMITS, scan_dpi=scan_dpi)
    assert dpi(pixels, 595) == pytest.approx(expected, abs=1)


def test_a_page_over_the_limit_of_the_format_is_refused() -> None:
    with pytest.raises(TooLarge, match="14400"):
        page_pixels(14_401, 10, limits=LIMITS)


@given(
    st.floats(0.001, 14_400),
    st.floats(0.001, 14_400),
    st.one_of(st.none(), st.integers(36, 600)),
    st.one_of(st.none(), st.floats(0.1, 1e6)),
)
def test_no_page_is_ever_rendered_above_the_limits(
    width_pt: float, height_pt: float, asked: int | None, scan: float | None
) -> None:
    limits = DecodeLimits(max_image_pixels=1_000_000, max_side_px=3000)
    width, height = page_pixels(width_pt, height_pt, limits=limits, scan_dpi=scan, asked_dpi=asked)
    assert 1 <= width <= 3000
    assert 1 <= height <= 3000
    assert width * height <= 1_000_000


def test_short_cells_are_no_columns() -> None:
    boxes = [(x, 10.0 * row, x + 50, 10.0 * row + 8) for row in range(9) for x in (0.0, 100.0)]
    rows = [row for row in range(9) for _ in range(2)]
    assert in_columns(boxes, rows, [5] * 18) == list(range(18))


def test_three_columns_of_prose_are_read_one_after_the_other() -> None:
    boxes = [
        (x, 10.0 * row, x + 90, 10.0 * row + 8) for row in range(9) for x in (0.0, 100.0, 200.0)
    ]
    rows = [row for row in range(9) for _ in range(3)]
    order = in_columns(boxes, rows, [30] * 27)
    assert order == [*range(0, 27, 3), *range(1, 27, 3), *range(2, 27, 3)]


@given(
    st.lists(
        st.tuples(st.floats(0, 900), st.floats(1, 300), st.integers(0, 3), st.integers(0, 60)),
        max_size=40,
    )
)
def test_every_segment_is_read_exactly_once(
    segments: list[tuple[float, float, int, int]],
) -> None:
    boxes = [(x, 0.0, x + width, 8.0) for x, width, _, _ in segments]
    rows, row = [], 0
    for _, _, step, _ in segments:
        row += step
        rows.append(row)
    order = in_columns(boxes, rows, [letters for *_, letters in segments])
    assert sorted(order) == list(range(len(segments)))
