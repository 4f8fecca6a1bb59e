"""ULIDs: identifiers that sort by the time they were made (https://github.com/ulid/spec)."""

import secrets
from datetime import UTC, datetime

__all__ = ["new_id"]

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


def new_id(moment: datetime | None = None) -> str:
    """A new identifier of 26 characters.

    Args:
        moment: when it is made; now if left out.
    """
    milliseconds = int((moment or datetime.now(UTC)).timestamp() * 1000)
    value = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
