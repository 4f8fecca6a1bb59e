"""Every error that a caller can meet, as one tree.

The class tells the HTTP status, the code that stands in the answer and whether the same request may
succeed later; the message is a sentence for a person. A message about a limit names the limit, its
value and the setting that changes it.

    MaoOCRError                    internal               500
    ├── BadInput                   bad_input              400
    │   ├── InvalidRequest         invalid_request        422   a field or option is wrong
    │   │   └── ImpossibleRequirements impossible_requirements 422 two of them collide
    │   ├── UnreadableDocument     unreadable_document    422   the bytes are no whole document
    │   ├── PasswordProtected      password_protected     422
    │   ├── PageTooComplex         page_too_complex       422   over the time or memory of a page
    │   ├── TooLarge               too_large              413   bytes, pixels, side or pages
    │   ├── UnsupportedMedia       unsupported_media      415
    │   ├── UploadTimeout          upload_timeout         408
    │   ├── FetchFailed            fetch_failed           422   a given URL brought no document
    │   ├── Unauthorized           unauthorized           401   no key, or none that is known
    │   ├── Forbidden              forbidden              403
    │   ├── NotFound               not_found              404
    │   │   └── UnknownEngine      unknown_engine         404
    │   ├── MethodNotAllowed       method_not_allowed     405
    │   └── Conflict               conflict               409   an idempotency key used twice
    ├── Refused                    unavailable            503
    │   ├── Overloaded             overloaded             429   with Retry-After
    │   ├── RateLimited            rate_limited           429   over the rate of the key
    │   ├── QuotaExceeded          quota_exceeded         429   over the pages of the month
    │   ├── ShuttingDown           shutting_down          503
    │   ├── StorageFull            storage_full           507   no room on the disk
    │   ├── StoreUnavailable       store_unavailable      503   the database is away
    │   └── CacheUnavailable       cache_unavailable      503   Redis is away, and only it will do
    ├── CallerLeft                 caller_left            499   nobody waits any more; never sent
    ├── DeadlineExceeded           deadline_exceeded      504
    └── EngineError                engine_error           500
        ├── EngineFault            engine_fault           500   this call failed, the engine lives
        ├── EngineLost             engine_lost            503   the lane died twice over this page
        ├── EngineUnavailable      engine_unavailable     503   no lane can be started
        ├── ModelUnavailable       model_unavailable      503   files missing, damaged, unreachable
        └── EndpointError          endpoint_error         502   a server of a model failed
            ├── EndpointUnavailable endpoint_unavailable  503   nobody takes the call now
            ├── EndpointFault      endpoint_fault         502   an answer broke off, or was none
            └── EndpointRefused    endpoint_refused       502   the server never takes this call
"""

from collections.abc import Iterator
from typing import ClassVar

__all__ = [
    "BadInput",
    "CacheUnavailable",
    "CallerLeft",
    "Conflict",
    "DeadlineExceeded",
    "EndpointError",
    "EndpointFault",
    "EndpointRefused",
    "EndpointUnavailable",
    "EngineError",
    "EngineFault",
    "EngineLost",
    "EngineUnavailable",
    "FetchFailed",
    "Forbidden",
    "ImpossibleRequirements",
    "InvalidRequest",
    "MaoOCRError",
    "MethodNotAllowed",
    "ModelUnavailable",
    "NotFound",
    "Overloaded",
    "PageTooComplex",
    "PasswordProtected",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "ShuttingDown",
    "StorageFull",
    "StoreUnavailable",
    "TooLarge",
    "Unauthorized",
    "UnknownEngine",
    "UnreadableDocument",
    "UnsupportedMedia",
    "UploadTimeout",
    "error_from_code",
    "error_types",
]


class MaoOCRError(Exception):
    """The root: an unexpected failure of the service itself."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """Make the error.

        Args:
            message: one or two sentences for a person.
            retry_after_s: seconds after which the same request may succeed, where that is known.
        """
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        self.request_id: str | None = None
        """Of the request that failed, where the error came from a server."""


class BadInput(MaoOCRError):
    """The request as sent can never succeed."""

    code = "bad_input"
    status = 400


class InvalidRequest(BadInput):
    """A field, an option or the form of the body is wrong; the message names it."""

    code = "invalid_request"
    status = 422


class ImpossibleRequirements(InvalidRequest):
    """No engine here can do all that is asked; the message names the two wishes that collide."""

    code = "impossible_requirements"


class UnreadableDocument(BadInput):
    """The bytes are not a whole document of the kind that they begin as."""

    code = "unreadable_document"
    status = 422


class PasswordProtected(BadInput):
    """The document does not open without a password."""

    code = "password_protected"
    status = 422


class PageTooComplex(BadInput):
    """Decoding or reading the page would go over the seconds or the memory that a page may take."""

    code = "page_too_complex"
    status = 422


class TooLarge(BadInput):
    """Too many bytes, pixels or pages, or too long a side."""

    code = "too_large"
    status = 413


class UnsupportedMedia(BadInput):
    """The bytes are of no kind that is read here."""

    code = "unsupported_media"
    status = 415


class UploadTimeout(BadInput):
    """The body did not arrive in time."""

    code = "upload_timeout"
    status = 408
    retryable = True


class FetchFailed(BadInput):
    """What a given URL leads to is out of reach or is not a document; other URLs may do."""

    code = "fetch_failed"
    status = 422


class Unauthorized(BadInput):
    """No key was sent, or one that is unknown, revoked or out of date."""

    code = "unauthorized"
    status = 401


class Forbidden(BadInput):
    """The caller may not do this here."""

    code = "forbidden"
    status = 403


class NotFound(BadInput):
    """There is no such thing, or it is somebody else's."""

    code = "not_found"
    status = 404


class UnknownEngine(NotFound):
    """No engine of that name is configured."""

    code = "unknown_engine"


class MethodNotAllowed(BadInput):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405


class Conflict(BadInput):
    """The request contradicts an earlier one."""

    code = "conflict"
    status = 409


class Refused(MaoOCRError):
    """The service cannot take the request now."""

    code = "unavailable"
    status = 503
    retryable = True


class Overloaded(Refused):
    """There is no room; `retry_after_s` comes from the measured drain rate."""

    code = "overloaded"
    status = 429


class RateLimited(Refused):
    """The key has asked too often; `retry_after_s` tells when it may again."""

    code = "rate_limited"
    status = 429


class QuotaExceeded(Refused):
    """The key has used its pages of this month; `retry_after_s` tells when the next one begins."""

    code = "quota_exceeded"
    status = 429


class ShuttingDown(Refused):
    """The service is stopping and takes nothing new."""

    code = "shutting_down"


class StorageFull(Refused):
    """There is no room on the disk for what the request needs to keep."""

    code = "storage_full"
    status = 507


class StoreUnavailable(Refused):
    """The database cannot be reached, and the answer cannot do without it."""

    code = "store_unavailable"


class CacheUnavailable(Refused):
    """Redis cannot be reached, and the answer cannot do without it."""

    code = "cache_unavailable"


class CallerLeft(MaoOCRError):
    """Nobody waits for this any more. Ends work early; is never sent to anyone."""

    code = "caller_left"
    status = 499


class DeadlineExceeded(MaoOCRError):
    """The time that the request may take has passed."""

    code = "deadline_exceeded"
    status = 504
    retryable = True


class EngineError(MaoOCRError):
    """The engine or its process failed, not the input."""

    code = "engine_error"


class EngineFault(EngineError):
    """The engine raised or answered nonsense for this page; it may be used again."""

    code = "engine_fault"


class EngineLost(EngineError):
    """The lane that read this page died, and so did the one that tried again."""

    code = "engine_lost"
    status = 503
    retryable = True


class EngineUnavailable(EngineError):
    """No lane of this engine can be started."""

    code = "engine_unavailable"
    status = 503
    retryable = True


class ModelUnavailable(EngineError):
    """A model's files are missing or damaged, or cannot be fetched."""

    code = "model_unavailable"
    status = 503
    retryable = True


class EndpointError(EngineError):
    """A server that runs a vision-language model failed, not the input."""

    code = "endpoint_error"
    status = 502


class EndpointUnavailable(EndpointError):
    """No server of the model takes the call now: they are away, full or over their budget."""

    code = "endpoint_unavailable"
    status = 503
    retryable = True


class EndpointFault(EndpointError):
    """The server failed in the middle of an answer, fell silent, or answered nonsense."""

    code = "endpoint_fault"
    retryable = True


class EndpointRefused(EndpointError):
    """The server will never take this call: its key, its model's name or the request is wrong."""

    code = "endpoint_refused"


def error_types(root: type[MaoOCRError] = MaoOCRError) -> Iterator[type[MaoOCRError]]:
    """Every class of the tree, the root first."""
    yield root
    for child in root.__subclasses__():
        yield from error_types(child)


def error_from_code(code: str, message: str, *, retry_after_s: float | None = None) -> MaoOCRError:
    """The error that crossed a process boundary as its code and message."""
    kinds = {kind.code: kind for kind in error_types()}
    return kinds.get(code, MaoOCRError)(message, retry_after_s=retry_after_s)
