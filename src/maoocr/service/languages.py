"""Which names of languages are understood."""

import re

from ..errors import InvalidRequest

__all__ = ["ISO_639_1", "parse_language"]

_NAMES: dict[str, str] = {
    "auto": "auto",
    "chinese": "zh",
    "english": "en",
    "japanese": "ja",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "korean": "ko",
    "russian": "ru",
}
"""Names that clients in the field send, beside BCP 47 tags."""

_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da
de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy
hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg
li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or
os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta
te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
ISO_639_1 = frozenset(_CODES.split())

_TAG = re.compile(r"([A-Za-z]{2})(?:[-_][A-Za-z0-9]{1,8}){0,4}")


def parse_language(value: str) -> str:
    """The primary tag (`zh`) or `auto` of a name (`chinese`) or BCP 47 tag (`zh-Hans`).

    Raises:
        InvalidRequest: the language is unknown; the message lists the names.
    """
    name = value.strip().lower()
    if name in _NAMES:
        return _NAMES[name]
    tag = _TAG.fullmatch(name)
    if tag is not None and tag[1] in ISO_639_1:
        return tag[1]
    known = ", ".join(_NAMES)
    raise InvalidRequest(
        f"language: {value[:40]!r} is not known. Known are {known}, and two-letter codes such as"
        " zh, en or pt-BR."
    )
