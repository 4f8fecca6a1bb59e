"""How alike two readings of the same ink are."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

__all__ = ["Bigrams", "bigrams", "covered", "likeness", "plain"]

Bigrams = Counter[str]


def plain(text: str) -> str:
    """What two engines should agree on: no spaces, no case, one form of each character (NFKC)."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def likeness(a: str, b: str) -> float:
    """1 - Levenshtein distance by the longer length, of both as `plain`; 1 for two empty texts."""
    # 7 MB that a service without a second engine has no use for.
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_similarity(plain(a), plain(b))


def bigrams(texts: Iterable[str]) -> Bigrams:
    """Pairs of neighbouring characters of each text as `plain`; a lone one counts by itself."""
    counts: Bigrams = Counter()
    for text in texts:
        characters = plain(text)
        if len(characters) == 1:
            counts[characters] += 1
        counts.update(a + b for a, b in pairwise(characters))
    return counts


def covered(part: Bigrams, whole: Bigrams) -> float:
    """Share of `part` that is in `whole`, in 0..1; 1 where there is nothing to cover."""
    total = part.total()
    return (part & whole).total() / total if total else 1.0
