"""Every option of a recognition, described once: for parsing, for the form, for the documents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from ..domain import OcrOptions, PageSelection, PdfText, Requirements
from ..errors import InvalidRequest
from .languages import parse_language

__all__ = ["MAX_DPI", "MIN_DPI", "OPTIONS", "OptionSpec", "parse_options", "with_requirements"]

MIN_DPI = 36
MAX_DPI = 600


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """One option.

    Attributes:
        name: of the field.
        type: how a form draws it.
        title: a few words.
        description: one or two sentences.
        default: what holds when the field is left out.
        values: the known values of an enum, with their titles.
        minimum: of an integer.
        maximum: of an integer.
    """

    name: str
    type: Literal["enum", "boolean", "string", "integer"]
    title: str
    description: str
    default: str | bool | int | None
    values: tuple[tuple[str, str], ...] = ()
    minimum: int | None = None
    maximum: int | None = None


OPTIONS: tuple[OptionSpec, ...] = (
    OptionSpec(
        "language",
        "enum",
        "Language",
        "A hint about the language of the text. Names such as `chinese` and tags such as `zh-Hans`"
        " are understood too.",
        "auto",
        (
            ("auto", "Find out"),
            ("zh", "Chinese"),
            ("en", "English"),
            ("ja", "Japanese"),
            ("de", "German"),
            ("fr", "French"),
            ("es", "Spanish"),
        ),
    ),
    OptionSpec(
        "words", "boolean", "Words", "Also give the place of each word (or character).", False
    ),
    OptionSpec("pages", "string", "Pages", "Which pages to read, such as `1-3,7`.", "all"),
    OptionSpec(
        "pdf_text",
        "enum",
        "Text of PDF pages",
        "Whether a PDF page that carries its own text answers from it, or is read as a picture.",
        "auto",
        (
            ("auto", "Its own text where it is sound"),
            ("ocr", "Always read the picture"),
            ("layer", "Only its own text"),
        ),
    ),
    OptionSpec(
        "dpi",
        "integer",
        "Resolution of PDF pages",
        "Dots per inch at which PDF pages are rendered; left out, one is chosen for each page.",
        None,
        minimum=MIN_DPI,
        maximum=MAX_DPI,
    ),
    OptionSpec(
        "rotation",
        "boolean",
        "Turned pages",
        "Notice pages that lie on their side or upside down.",
        True,
    ),
    OptionSpec(
        "structure",
        "boolean",
        "Structure",
        "Also give the blocks of each page: headings, paragraphs, lists and tables.",
        False,
    ),
)

_STRUCTURED = frozenset({"complex_layout", "table", "formula"})
"""Types of documents whose readers want more than lines."""

_FLAGS = {"true": True, "1": True, "on": True, "yes": True}
_FLAGS |= {"false": False, "0": False, "off": False, "no": False}


def parse_options(fields: Mapping[str, Any]) -> OcrOptions:
    """The options that the fields tell; other fields are not looked at.

    Args:
        fields: values as text (of a form) or as JSON values.

    Raises:
        InvalidRequest: a value is wrong; the message names the field and what is known.
    """
    values: dict[str, Any] = {
        name: parse(name, fields[name])
        for name, parse in _PARSERS.items()
        if fields.get(name) not in (None, "")
    }
    return OcrOptions(**values)


def with_requirements(options: OcrOptions, requirements: Requirements | None) -> OcrOptions:
    """The options with what they leave open and the requirements say.

    That is the language, and structure where the type of the document calls for it.
    """
    if requirements is None:
        return options
    if options.language == "auto":
        options = replace(options, language=requirements.language)
    if requirements.document_type in _STRUCTURED:
        options = replace(options, structure=True)
    return options


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{name}: a text is expected, not {_shown(value)}.")
    return value


def _language(name: str, value: object) -> str:
    return parse_language(_text(name, value))


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    flag = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if flag is None:
        raise InvalidRequest(f"{name}: true or false is expected, not {_shown(value)}.")
    return flag


def _pages(name: str, value: object) -> PageSelection:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return PageSelection.parse(_text(name, value))


def _pdf_text(name: str, value: object) -> PdfText:
    for known in get_args(PdfText):
        if value == known:
            return cast(PdfText, known)
    raise InvalidRequest(
        f"{name}: {_shown(value)} is not known. Known are {', '.join(get_args(PdfText))}."
    )


def _dpi(name: str, value: object) -> int:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:9])
    if not isinstance(value, int) or isinstance(value, bool) or not MIN_DPI <= value <= MAX_DPI:
        raise InvalidRequest(
            f"{name}: a whole number from {MIN_DPI} to {MAX_DPI} is expected, not {_shown(value)}."
        )
    return value


def _shown(value: object) -> str:
    return repr(value)[:60]


_PARSERS: dict[str, Callable[[str, object], object]] = {
    "language": _language,
    "words": _flag,
    "pages": _pages,
    "pdf_text": _pdf_text,
    "dpi": _dpi,
    "rotation": _flag,
    "structure": _flag,
}
