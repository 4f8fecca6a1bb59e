"""Which language a text is in, as far as its script tells."""

import unicodedata
from collections import Counter

__all__ = ["detect_language"]

_SCRIPTS = (
    ("CJK", "zh"),
    ("HIRAGANA", "ja"),
    ("KATAKANA", "ja"),
    ("HANGUL", "ko"),
    ("CYRILLIC", "ru"),
    ("GREEK", "el"),
    ("ARABIC", "ar"),
    ("HEBREW", "he"),
    ("THAI", "th"),
    ("DEVANAGARI", "hi"),
    ("LATIN", "en"),
)
_SAMPLE = 4000


def detect_language(text: str) -> str:
    """The tag that the script suggests: `zh`, `ja`, `en` (any Latin script), …; `mixed`; `und`.

    A text is `mixed` when the second script has more than 15 % of the letters, where one Han
    character counts as much as three Latin letters.
    """
    weights: Counter[str] = Counter()
    for character in text[:_SAMPLE]:
        tag = _tag(character)
        if tag:
            weights[tag] += 1 if tag == "en" else 3
    if not weights:
        return "und"
    if weights["ja"] * 10 > weights["zh"]:
        # Japanese writes Han characters between its kana.
        weights["ja"] += weights.pop("zh", 0)
    ranked = weights.most_common(2)
    total = sum(weights.values())
    if len(ranked) == 2 and ranked[1][1] > 0.15 * total:
        return "mixed"
    return ranked[0][0]


def _tag(character: str) -> str | None:
    if not character.isalpha():
        return None
    if character.isascii():
        return "en"
    name = unicodedata.name(character, "")
    return next((tag for script, tag in _SCRIPTS if name.startswith(script)), None)
