"""Pages of jobs that are whole documents: answered from the result cache, and put there.

A page of a longer document is not: the cache holds answers to requests as a whole, and to take one
apart for each of its pages would cost more than it saves.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from ..documents.kinds import Kind
from ..domain import OcrOptions, OcrResult, PageResult, Selection, Timings
from .by_type import TypePlans
from .document_type import document_type_of
from .ports import EngineCard, ResultCache
from .result_keys import is_final, plan_key

__all__ = ["JobCache"]


class JobCache:
    """The result cache as jobs use it: the same keys and values as a single request."""

    def __init__(self, results: ResultCache) -> None:
        self._results = results

    @staticmethod
    def key(
        sha256: str,
        kind: Kind,
        options: OcrOptions,
        selection: Selection,
        by_type: TypePlans,
        cards: Sequence[EngineCard],
    ) -> str | None:
        """Of the document; None when it may have several pages, or a model is not known yet."""
        return None if kind.paged else plan_key(sha256, selection, by_type, cards, options)

    async def get(self, key: str | None) -> PageResult | None:
        """The only page, as one that cost nothing."""
        found = None if key is None else await self._results.get(key)
        if found is None:
            return None
        try:
            pages = _decoder.decode(found).pages
        except msgspec.DecodeError:
            # Another version of the service may have left it in a cache that both share.
            return None
        if len(pages) != 1 or pages[0].error is not None:
            return None
        return replace(pages[0], decode_s=0.0, recognize_s=0.0, queue_s=0.0, spent=None)

    async def set(self, key: str | None, page: PageResult, selection: Selection) -> None:
        """Keep the answer for jobs and requests to come."""
        if key is None or not is_final(page):
            return
        timings = Timings(
            queue_s=page.queue_s, decode_s=page.decode_s, recognize_s=page.recognize_s
        )
        result = OcrResult((page,), 1, selection, timings)
        found = document_type_of(page)
        kind = found.document_type if page.document_type == "auto" else page.document_type
        result = replace(result, language=found.language, document_type=kind)
        await self._results.set(key, _encoder.encode(result))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(OcrResult)
