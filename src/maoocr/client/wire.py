"""What goes over the wire and what comes back, for the clients with and without `await`."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Generic, TypedDict, TypeVar

import httpx
import msgspec

from ..domain import PageSelection, PdfText, Requirements
from ..errors import DeadlineExceeded, InvalidRequest, MaoOCRError, Refused, error_from_code
from .reply import Reply, reply_from_json

__all__ = [
    "Asked",
    "Call",
    "Document",
    "Retry",
    "as_text",
    "costs_call",
    "engines_call",
    "health_call",
    "json_object",
    "opened",
    "options_call",
    "recognize_call",
    "recognize_url_call",
    "requirements_object",
    "server_url",
    "success",
    "translated_failures",
    "with_key",
]

KEY_VARIABLE = "MAOOCR_API_KEY"

Document = str | os.PathLike[str] | bytes | IO[bytes]
"""A path, the bytes themselves, or a file open for reading in binary."""

T = TypeVar("T")


class Asked(TypedDict, total=False):
    """Options of a recognition; what is left out takes the default.

    Attributes:
        language: a hint, `auto` or a BCP 47 tag.
        engine: who is to read.
        words: also give the place of each word.
        pages: such as `1-3,7`.
        pdf_text: `auto`, `ocr` or `layer`.
        dpi: at which PDF pages are rendered.
        rotation: notice turned pages.
        structure: also give headings, paragraphs, lists and tables.
    """

    language: str
    engine: str
    words: bool
    pages: str | PageSelection
    pdf_text: PdfText
    dpi: int
    rotation: bool
    structure: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """When to try once more, and how long to wait before.

    Attributes:
        retries: attempts after the first.
        longest_s: a server that asks for a longer wait than this is not waited for.
    """

    retries: int = 0
    longest_s: float = 120.0

    def pause_s(self, error: MaoOCRError, attempt: int) -> float | None:
        """Seconds to wait after the attempt (from 0) that failed so; None to give up."""
        if attempt >= self.retries or error.status not in {429, 503}:
            return None
        wanted_s = error.retry_after_s
        if wanted_s is None:
            wanted_s = min(0.5 * 2.0 ** min(attempt, 16), self.longest_s)
        return wanted_s if wanted_s <= self.longest_s else None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request to make.

    Attributes:
        parts: the body's arguments for httpx, which rewinds files before it sends them.
        parse: reads the answer, or raises the error that it tells.
    """

    method: str
    path: str
    parse: Callable[[httpx.Response], T]
    parts: Mapping[str, Any] = field(default_factory=dict)


def recognize_call(
    data: bytes | IO[bytes], requirements: Requirements | Mapping[str, Any] | None, asked: Asked
) -> Call[Reply]:
    """A recognition of what `opened` gave.

    The document's own name stays here: the server would not use it, and it may tell too much.
    """
    return _recognition(
        {"image": ("document", data, "application/octet-stream")}, requirements, asked
    )


def recognize_url_call(
    url: str, requirements: Requirements | Mapping[str, Any] | None, asked: Asked
) -> Call[Reply]:
    """A recognition of what the server is to fetch."""
    # As a part, or httpx would make a form of the other kind, which is not taken.
    return _recognition({"image_url": (None, url)}, requirements, asked)


def _recognition(
    files: dict[str, Any],
    requirements: Requirements | Mapping[str, Any] | None,
    asked: Asked,
) -> Call[Reply]:
    fields = {name: as_text(value) for name, value in asked.items() if value is not None}
    path = "/api/ocr/recognize"
    if requirements is not None:
        fields["requirements"] = json.dumps(requirements_object(requirements))
        path += "-with-requirements"
    parts = {"data": fields, "files": files}
    return Call("POST", path, lambda response: reply_from_json(success(response)), parts)


def engines_call() -> Call[dict[str, Any]]:
    """The list of engines."""
    return Call("GET", "/api/ocr/engines", json_object)


def costs_call(month: str) -> Call[dict[str, Any]]:
    """What a month cost."""
    return Call("GET", "/api/ocr/costs", json_object, {"params": {"month": month} if month else {}})


def options_call() -> Call[dict[str, Any]]:
    """The list of options."""
    return Call("GET", "/api/ocr/options", json_object)


def health_call() -> Call[dict[str, Any]]:
    """The health document, which comes with 503 when the server is down."""

    def parse(response: httpx.Response) -> dict[str, Any]:
        if response.status_code == 503:
            try:
                found = msgspec.json.decode(response.content, type=dict[str, Any])
            except (msgspec.MsgspecError, UnicodeDecodeError):
                found = {}
            if "checks" in found:
                return found
        return json_object(response)

    return Call("GET", "/health", parse)


@contextmanager
def opened(document: Document) -> Iterator[bytes | IO[bytes]]:
    """The bytes, or a file that stands at its beginning and can be read more than once.

    Any other file is read to its end: the length must be known before a request is sent, and a
    second attempt needs the bytes again.

    Raises:
        OSError: the path cannot be read.
    """
    if isinstance(document, bytes):
        yield document
    elif isinstance(document, str | os.PathLike):
        with open(document, "rb") as file:
            yield _repeatable(file)
    else:
        yield _repeatable(document)


def requirements_object(requirements: Requirements | Mapping[str, Any]) -> dict[str, Any]:
    """The requirements that were given, as JSON values."""
    if isinstance(requirements, Requirements):
        requirements = asdict(requirements)
    return {name: value for name, value in requirements.items() if value is not None}


def server_url(text: str) -> httpx.URL:
    """The address of a server.

    Raises:
        InvalidRequest: the text is none.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InvalidRequest(f"{text!r} is no address of a server: {error}.") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidRequest(f"{text!r} is no address of a server, such as http://127.0.0.1:8000.")
    return url


def with_key(headers: Mapping[str, str] | None, api_key: str | None) -> httpx.Headers:
    """The headers with the API key, if there is one and they name none themselves.

    Raises:
        InvalidRequest: the key has characters that no key has.
    """
    sent = httpx.Headers(headers)
    key = (os.environ.get(KEY_VARIABLE, "") if api_key is None else api_key).strip()
    if key and not (key.isascii() and key.isprintable()):
        raise InvalidRequest("The API key has characters that no key has.")
    if key and not {"authorization", "x-api-key"} & set(sent):
        sent["Authorization"] = f"Bearer {key}"
    return sent


@contextmanager
def translated_failures(url: httpx.URL) -> Iterator[None]:
    """Failures of the connection as errors of the tree."""
    try:
        yield
    except httpx.TimeoutException as error:
        doing = "accept a connection" if isinstance(error, httpx.ConnectTimeout) else "answer"
        raise DeadlineExceeded(f"The server at {url} did not {doing} in time.") from error
    except httpx.ConnectError as error:
        raise Refused(f"The server at {url} cannot be reached: {error}.") from error
    except httpx.TransportError as error:
        raise Refused(f"The connection to the server at {url} broke: {error}.") from error


class _ProblemDetail(msgspec.Struct):
    code: str
    message: str
    request_id: str | None = None


class _Problem(msgspec.Struct):
    error: _ProblemDetail


def success(response: httpx.Response) -> bytes:
    """The body of a good answer.

    Raises:
        MaoOCRError: the one that a bad answer tells.
    """
    if response.is_success:
        return response.content
    header = response.headers.get("Retry-After", "")
    retry_after_s = float(header) if header.isascii() and header.isdigit() else None
    request_id: str | None = response.headers.get("X-Request-ID")
    try:
        problem = msgspec.json.decode(response.content, type=_Problem).error
        error = error_from_code(problem.code, problem.message, retry_after_s=retry_after_s)
        request_id = problem.request_id or request_id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        kind = Refused if response.status_code in {429, 502, 503, 504} else MaoOCRError
        message = f"{response.url} answered {response.status_code}, and not as MaoOCR does."
        error = kind(message, retry_after_s=retry_after_s)
    error.request_id = request_id
    raise error


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a good answer.

    Raises:
        MaoOCRError: the one that a bad answer tells.
    """
    try:
        return msgspec.json.decode(success(response), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MaoOCRError(f"The server's answer is not understood: {error}.") from error


def _repeatable(file: IO[bytes]) -> bytes | IO[bytes]:
    return file if file.seekable() and file.tell() == 0 else file.read()


def as_text(value: object) -> str:
    """A value as a field of a form."""
    return str(value).lower() if isinstance(value, bool) else str(value)
