from typing import Any

import pytest

from maoocr.domain import OcrOptions, PageSelection, Requirements
from maoocr.errors import InvalidRequest
from maoocr.service.options import OPTIONS, parse_options, with_requirements


def test_no_fields_give_the_defaults() -> None:
    assert parse_options({}) == OcrOptions()


def test_every_described_option_is_one_of_the_domain_with_the_same_default() -> None:
    described = {spec.name: spec.default for spec in OPTIONS}
    defaults = OcrOptions()
    assert set(described) == set(OcrOptions.__dataclass_fields__)
    for name, default in described.items():
        value = getattr(defaults, name)
        assert default == (str(value) if isinstance(value, PageSelection) else value)


def test_text_of_a_form_is_read() -> None:
    fields = {"language": "Chinese", "words": "true", "pages": "3,1-2", "dpi": "300"}
    options = parse_options(fields | {"pdf_text": "ocr", "rotation": "off", "unknown": "x"})
    assert options == OcrOptions("zh", True, PageSelection(((1, 3),)), "ocr", 300, False)


def test_json_values_are_read() -> None:
    assert parse_options({"words": True, "dpi": 72, "pages": 2}) == OcrOptions(
        words=True, dpi=72, pages=PageSelection(((2, 2),))
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("language", "klingon"),
        ("language", "xx"),
        ("language", 7),
        ("words", "maybe"),
        ("words", 1),
        ("pages", "1-999999999"),
        ("pages", "0"),
        ("pages", "-3"),
        ("pages", "3-1"),
        ("pages", "one"),
        ("pages", "1,,2"),
        ("pages", True),
        ("pages", "٣"),
        ("dpi", "1000000"),
        ("dpi", "NaN"),
        ("dpi", -5),
        ("dpi", 72.5),
        ("dpi", True),
        ("pdf_text", "maybe"),
        ("pdf_text", ["ocr"]),
        ("rotation", "2"),
    ],
)
def test_a_wrong_value_names_its_field(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=rf"^{name}: "):
        parse_options({name: value})


@pytest.mark.parametrize(
    ("document_type", "structure"),
    [("table", True), ("complex_layout", True), ("formula", True), ("simple_text", False)],
)
def test_documents_with_structure_are_read_with_it(document_type: Any, structure: bool) -> None:
    needs = Requirements(document_type=document_type)
    assert with_requirements(OcrOptions(), needs).structure is structure
    assert with_requirements(OcrOptions(structure=True), needs).structure
    assert not with_requirements(OcrOptions(), None).structure


def test_a_language_that_is_left_open_is_the_one_of_the_requirements() -> None:
    needs = Requirements(language="ja")
    assert with_requirements(OcrOptions(), needs).language == "ja"
    assert with_requirements(OcrOptions(language="de"), needs).language == "de"
    assert with_requirements(OcrOptions(), None).language == "auto"
