"""What a recognizer of PaddleOCR reads, told from its name."""

__all__ = ["languages_of"]

CHINESE = ("zh", "en", "ja")
LATIN = (
    *("af", "az", "bs", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr"),
    *("hu", "id", "is", "it", "ku", "la", "lb", "lt", "lv", "mi", "ms", "mt", "nl", "no", "oc"),
    *("pl", "pt", "qu", "rm", "ro", "sk", "sl", "sq", "sv", "sw", "tl", "tr", "uz", "vi"),
)
BY_PREFIX = {
    "en": ("en",),
    "latin": ("en", *LATIN),
    "korean": ("ko", "en"),
    "japan": ("ja", "en"),
    "chinese_cht": ("zh", "en"),
    "eslav": ("ru", "uk", "be", "bg", "en"),
    "cyrillic": ("ru", "uk", "be", "bg", "sr", "mk", "mn", "kk", "ky", "tg", "tt", "en"),
    "arabic": ("ar", "fa", "ur", "ug", "ps", "sd", "en"),
    "devanagari": ("hi", "mr", "ne", "sa", "en"),
    "th": ("th", "en"),
    "el": ("el", "en"),
    "ta": ("ta", "en"),
    "te": ("te", "en"),
    "ka": ("kn", "en"),
}
"""By what stands before `_PP-OCR` in the name; https://www.paddleocr.ai lists the languages."""


def languages_of(recognizer: str) -> tuple[str, ...]:
    """BCP 47 primary tags."""
    prefix, separator, _ = recognizer.partition("_PP-OCR")
    if separator and prefix in BY_PREFIX:
        return BY_PREFIX[prefix]
    return (*CHINESE, *LATIN) if recognizer.startswith("PP-OCRv6") else CHINESE
