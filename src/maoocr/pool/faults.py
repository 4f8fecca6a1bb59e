"""What is told of an exception that nobody foresaw."""

import traceback

__all__ = ["described"]


def described(error: BaseException) -> str:
    """Where it happened, without the message: that may quote the document."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {places}"
