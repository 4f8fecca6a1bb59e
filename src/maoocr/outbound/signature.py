"""What tells the receiver of a webhook that it comes from this service, whole and just now."""

import hashlib
import hmac

__all__ = ["SIGNATURE_HEADER", "sign"]

SIGNATURE_HEADER = "X-MaoOCR-Signature"


def sign(body: bytes, secret: str, moment: int) -> str:
    """The value of the header: `t=<seconds>,v1=<hex HMAC-SHA256 of "<seconds>.<body>">`.

    Args:
        body: exactly the bytes that are sent.
        secret: shared with the receiver.
        moment: of the attempt, in seconds since 1970, so that an old delivery cannot be replayed.
    """
    signed = str(moment).encode("ascii") + b"." + body
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
