import pytest

from maoocr.service.language import detect_language


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("", "und"),
        ("12.50 € — 3%", "und"),
        ("The quick brown fox", "en"),
        ("学而时习之，不亦说乎？", "zh"),
        ("これは日本語の文章です。漢字もある。", "ja"),
        ("한국어 문장", "ko"),
        ("Съешь же ещё этих мягких", "ru"),
        ("发票号码 No. 12345", "zh"),
        ("合同 contract 条款 clause about payment 付款", "mixed"),
    ],
)
def test_the_script_tells_the_language(text: str, tag: str) -> None:
    assert detect_language(text) == tag
