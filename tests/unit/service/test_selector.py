import pytest

from maoocr.domain import Requirements
from maoocr.engines.base import EngineInfo
from maoocr.errors import UnknownEngine
from maoocr.service.ports import EngineCard
from maoocr.service.selector import select

INFO = EngineInfo("ppocr", "d", ("zh", "en"))
READY = EngineCard("ppocr", INFO, 0.5, True)


def test_the_only_engine_is_chosen_and_said_so() -> None:
    chosen = select(None, None, "auto", [READY])
    assert chosen.engine == "ppocr"
    assert chosen.reasons == ("ppocr is the only engine of this server.",)
    assert chosen.fallbacks == ()


def test_a_ready_engine_is_taken_before_one_that_is_not() -> None:
    loading = EngineCard("slow", None, 0.5, False, "loading")
    assert select(None, None, "auto", [loading, READY]).engine == "ppocr"


def test_the_default_is_taken_when_none_is_ready() -> None:
    first = EngineCard("a", None, 0.5, False)
    second = EngineCard("b", None, 0.5, False)
    assert select(None, "auto", "auto", [first, second]).engine == "a"


def test_an_engine_can_be_asked_for_by_name() -> None:
    other = EngineCard("other", None, 0.5, True)
    chosen = select(None, "other", "auto", [READY, other])
    assert chosen.engine == "other"
    assert chosen.fallbacks == ("ppocr",)


def test_an_unknown_engine_lists_the_known_ones() -> None:
    with pytest.raises(UnknownEngine, match="Known are ppocr"):
        select(None, "tesseract", "auto", [READY])


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (Requirements(document_type="table"), "as lines of text"),
        (Requirements(accuracy_requirement="high"), "more accurate"),
        (Requirements(privacy="local"), "nothing leaves"),
        (Requirements(max_cost=0.0), "costs nothing"),
        (Requirements(max_seconds=0.1), "more than the 0.1 s"),
        (Requirements(min_confidence=0.9), "lower confidence"),
        (Requirements(language="ru"), "not made for the language ru"),
    ],
)
def test_what_can_not_be_met_is_said(needs: Requirements, said: str) -> None:
    assert any(said in reason for reason in select(needs, None, "auto", [READY]).reasons)
