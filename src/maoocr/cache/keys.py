"""What makes two requests the same: the key of the result cache."""

import hashlib

import msgspec

from ..domain import OcrOptions

__all__ = ["PIPELINE_VERSION", "result_key"]

PIPELINE_VERSION = "1"
"""Goes up when the same models and options give another answer."""


def result_key(sha256: str, engine: str, model_digest: str, options: OcrOptions) -> str:
    """The cache key of a document read by an engine with these options, as 64 hex digits.

    Args:
        sha256: of the document's bytes.
        engine: name of the engine.
        model_digest: of the engine; a new model is never answered from the old one's results.
        options: all of them change the answer, the page selection too.
    """
    parts = (PIPELINE_VERSION, sha256, engine, model_digest, options)
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()
