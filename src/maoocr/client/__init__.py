"""MaoOCR from Python: over HTTP with `Client` and `AsyncClient`, in-process with `MaoOCR`."""

from .http import AsyncClient, Client
from .local import LocalReader, MaoOCR
from .reply import Reply
from .webhooks import verify_webhook
from .wire import Document

__all__ = [
    "AsyncClient",
    "Client",
    "Document",
    "LocalReader",
    "MaoOCR",
    "Reply",
    "verify_webhook",
]
