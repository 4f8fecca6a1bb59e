from dataclasses import replace

from maoocr.cache.keys import result_key
from maoocr.domain import OcrOptions, PageSelection

BASE = OcrOptions()


def test_the_same_request_has_the_same_key() -> None:
    assert result_key("h", "e", "m", OcrOptions()) == result_key("h", "e", "m", OcrOptions())


def test_whatever_changes_the_answer_changes_the_key() -> None:
    changed = [
        replace(BASE, language="zh"),
        replace(BASE, words=True),
        replace(BASE, pages=PageSelection(((1, 2),))),
        replace(BASE, pdf_text="ocr"),
        replace(BASE, dpi=300),
        replace(BASE, rotation=False),
        replace(BASE, structure=True),
    ]
    assert len(changed) == len(OcrOptions.__dataclass_fields__)
    keys = [result_key("h", "e", "m", options) for options in [BASE, *changed]]
    keys += [result_key("x", "e", "m", BASE), result_key("h", "x", "m", BASE)]
    keys += [result_key("h", "e", "x", BASE)]
    assert len(set(keys)) == len(keys)
