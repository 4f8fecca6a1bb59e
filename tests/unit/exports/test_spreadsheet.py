import csv
import io

import pytest
from hypothesis import given

from maoocr.domain import OcrResult
from maoocr.exports import formats
from tests.unit.exports.samples import line, page_of, result_of, results, upright


def rows(result: OcrResult) -> list[list[str]]:
    written = formats["csv"].write(result).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(written, newline="")))


def cell(text: str) -> str:
    return rows(result_of(page_of(line(text, upright(0, 0, 9, 9)))))[1][3 - 1]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r\n=", " =", "\uff1d", "\x00="])
def test_text_that_a_spreadsheet_would_run_stands_behind_an_apostrophe(start: str) -> None:
    assert cell(f"{start}1+1").startswith("'")


@pytest.mark.parametrize("text", ["1+1", "a=b", "'quoted", 'say "hi", now', "", "5.00"])
def test_other_text_is_unchanged(text: str) -> None:
    assert cell(text) == text


@given(results())
def test_every_line_is_one_row_and_no_cell_begins_a_formula(result: OcrResult) -> None:
    header, *body = rows(result)
    assert header == ["page", "line", "text", "score", "polygon"]
    assert len(body) == sum(len(page.lines) for page in result.pages)
    assert not [row for row in body if row[2].lstrip()[:1] in {"=", "+", "-", "@"}.difference("")]
