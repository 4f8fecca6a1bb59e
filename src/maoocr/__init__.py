"""MaoOCR: images and documents in, text out, on a supervised engine pool."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import AsyncClient as AsyncClient
    from .client import Client as Client
    from .client import MaoOCR as MaoOCR

__version__ = "0.1.0"
__all__ = ["AsyncClient", "Client", "MaoOCR", "__version__"]


def __getattr__(name: str) -> Any:
    # The clients load on first use: a lane imports this package too, and must not pay for HTTP.
    if name in {"AsyncClient", "Client", "MaoOCR"}:
        return getattr(import_module(".client", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
