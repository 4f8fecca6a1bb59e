"""For those who receive webhooks: whether a delivery comes from the service, whole and just now."""

import hashlib
import hmac
from datetime import UTC, datetime

__all__ = ["verify_webhook"]


def verify_webhook(
    body: bytes,
    signature: str,
    secret: str,
    *,
    tolerance_s: float = 300.0,
    now: float | None = None,
) -> bool:
    """Whether the signature belongs to the body, and to the present.

    Args:
        body: of the request, exactly as it came; not what a JSON parser made of it.
        signature: the header `X-MaoOCR-Signature`, `t=<seconds>,v1=<hex>`; of several `v1`, one
            has to fit.
        secret: that was agreed for the job.
        tolerance_s: how far the clock of the signature may be from this one, either way.
        now: seconds since 1970; the present when left out.
    """
    parts = [part.strip().partition("=") for part in signature.split(",")]
    moments = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1"]
    if len(moments) != 1 or not (moments[0].isascii() and moments[0].isdigit()):
        return False
    if now is None:
        now = datetime.now(UTC).timestamp()
    if len(moments[0]) > 12 or abs(now - int(moments[0])) > tolerance_s:
        return False
    signed = moments[0].encode("ascii") + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode("ascii")
    return any(hmac.compare_digest(expected, one.encode("utf-8", "replace")) for one in given)
