"""Every format: the same result gives the same bytes, whatever stands on the page."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from maoocr.domain import OcrResult
from maoocr.exports import formats
from tests.unit.exports.samples import HOSTILE, SAMPLE, line, page_of, result_of, results, upright


def test_names_and_suffixes_are_distinct() -> None:
    names = ["text", "markdown", "html", "json", "jsonl", "csv", "hocr", "alto"]
    assert list(formats) == names
    assert len({form.suffix for form in formats.values()}) == len(formats)


@given(results())
def test_any_result_is_written_the_same_twice_as_utf8(result: OcrResult) -> None:
    for form in formats.values():
        first = form.write(result)
        assert first == form.write(result)
        first.decode()


@given(results())
def test_no_control_character_stands_raw(result: OcrResult) -> None:
    for form in formats.values():
        text = form.write(result).decode("utf-8-sig")
        assert not [c for c in text if (ord(c) < 32 and c not in "\r\n") or 127 <= ord(c) < 160]


@pytest.mark.parametrize("name", ["hocr", "alto"])
@given(result=results())
def test_xml_is_well_formed_and_ids_are_unique(name: str, result: OcrResult) -> None:
    root = ET.fromstring(formats[name].write(result))
    ids = [
        value for element in root.iter() for key, value in element.items() if key.lower() == "id"
    ]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", ["hocr", "alto"])
def test_text_never_becomes_markup(name: str, text: str) -> None:
    harmless = formats[name].write(result_of(page_of(line("word", upright(0, 0, 9, 9)))))
    hostile = formats[name].write(result_of(page_of(line(text, upright(0, 0, 9, 9)))))

    def tags(data: bytes) -> list[str]:
        return [element.tag for element in ET.fromstring(data).iter()]

    assert tags(hostile) == tags(harmless)


def test_text_is_the_lines_and_an_empty_line_between_pages() -> None:
    assert formats["text"].write(SAMPLE) == (b"Hello wide world\nsecond line\nfar below\n\n=1+1\n")
    assert formats["text"].write(result_of(page_of())) == b""


@given(results())
def test_text_keeps_the_number_of_lines(result: OcrResult) -> None:
    written = formats["text"].write(result).decode()
    assert len(written.splitlines()) <= sum(max(1, len(p.lines)) for p in result.pages) * 2


def test_escape_sequences_for_a_terminal_are_removed() -> None:
    page = page_of(line("\x1b]0;title\x07 a\x9b2Jb", upright(0, 0, 9, 9)))
    assert formats["text"].write(result_of(page)) == b"]0;title a2Jb\n"


def test_json_lines_are_the_pages_of_the_json() -> None:
    whole = json.loads(formats["json"].write(SAMPLE))
    rows = [json.loads(row) for row in formats["jsonl"].write(SAMPLE).splitlines()]
    assert rows == whole["pages"]
    assert whole["text"] == SAMPLE.text
    assert whole["pages"][1]["error"] == {
        "code": "engine_lost",
        "message": "The lane died twice.",
        "retryable": True,
    }
    assert "error" not in whole["pages"][0]
    assert "words" in whole["pages"][0]["lines"][0]
    assert "words" not in whole["pages"][0]["lines"][1]


@pytest.mark.parametrize("name", ["markdown", "csv", "hocr", "alto"])
def test_the_sample_is_written_exactly(name: str) -> None:
    form = formats[name]
    expected = Path(__file__).with_name("expected") / f"sample{form.suffix}"
    assert form.write(SAMPLE) == expected.read_bytes()
