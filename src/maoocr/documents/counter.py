"""How long an upload is, asked of a decoder process without blocking the event loop."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from .kinds import Kind
from .limits import DecodeLimits
from .sandbox import Decoder, Probe

__all__ = ["Named", "PageCounter"]


class Named(Protocol):
    """What is needed to find a document."""

    @property
    def sha256(self) -> str: ...
    @property
    def kind(self) -> Kind: ...


class PageCounter:
    """Owns one decoder process, started when the first paged document comes."""

    def __init__(self, root: Path, limits: DecodeLimits) -> None:
        self._decoder = Decoder(root, limits)
        # One thread: a decoder serves one call at a time.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="page-counter")

    async def probe(self, document: Named) -> Probe:
        """The pages of a document whose bytes lie in the spool, and the size of the first.

        Raises:
            BadInput: the document can't be opened.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, self._decoder.probe, document.sha256, document.kind
        )

    async def close(self) -> None:
        """End the decoder process."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._decoder.close)
        self._thread.shutdown()
