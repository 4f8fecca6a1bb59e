from hypothesis import given
from hypothesis import strategies as st

from maoocr.store.search import MAX_TERMS, Term, parse_query, tokens_of


def terms(text: str) -> tuple[Term, ...]:
    wanted = parse_query(text)
    return wanted.terms if wanted else ()


def test_words_are_units_and_chinese_is_pairs_with_its_last_character() -> None:
    assert tokens_of("你好吗 Hello, WORLD") == "你好 好吗 吗 hello world"


def test_forms_that_mean_the_same_become_one() -> None:
    assert tokens_of("ＦＵＬＬ ① ﬁne") == "full 1 fine"
    assert tokens_of("漢\U00020000字") == "漢\U00020000 \U00020000字 字"


def test_ascii_goes_the_same_way_as_the_rest() -> None:
    text = "don't foo_bar 3.14 a-b"
    assert tokens_of(text) == tokens_of(text + " é").removesuffix(" é")


def test_the_last_word_is_a_prefix_and_the_others_are_not() -> None:
    assert terms("hello wor") == (Term(("hello",), False), Term(("wor",), True))
    assert terms("hello w") == (Term(("hello",), False), Term(("w",), False))


def test_one_character_may_be_the_first_of_a_pair_or_the_last_of_a_run() -> None:
    assert terms("好") == (Term(("好",), True),)
    assert terms("好 a1") == (Term(("好",), True), Term(("a1",), True))


def test_what_stands_together_is_looked_for_together() -> None:
    assert terms("共第3章") == (Term(("共第", "第", "3", "章"), True),)
    assert terms("你好吗") == (Term(("你好", "好吗"), False),)
    assert terms("foo-bar") == (Term(("foo", "bar"), True),)


def test_punctuation_alone_finds_nothing() -> None:
    assert [parse_query(text) for text in ("", "  ", "()&|!:*", "\"'", "\0", "——。")] == [None] * 6


def test_an_absurd_query_is_cut() -> None:
    assert len(terms("ab " * 5000)) == MAX_TERMS
    assert len(terms("x" * 10_000)[0].units[0]) == 64


def test_a_huge_text_stays_within_what_postgres_can_index() -> None:
    text = " ".join(f"word{number}" for number in range(300_000))
    assert len(tokens_of(text)) < 900_000


@given(st.text(max_size=60))
def test_queries_have_no_character_that_means_something(text: str) -> None:
    wanted = parse_query(text)
    if wanted is not None:
        units = [unit for term in wanted.terms for unit in term.units]
        assert not {sign for sign in "".join(units) if sign.isascii() and not sign.isalnum()}
        assert all(units)


@given(st.text(alphabet="ab1你好吗 ー-", min_size=1, max_size=12), st.data())
def test_a_piece_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    """What PostgreSQL's side does: all units there, and side by side."""
    begins = data.draw(st.sampled_from(list(range(len(text)))))
    piece = text[begins:]
    before = text[:begins]
    if before and before[-1].isascii() and before[-1].isalnum() and piece[0].isascii():
        return
    wanted = parse_query(piece)
    padded = f" {tokens_of(text)} "
    if wanted is not None:
        assert all(part in padded for part in wanted.substrings())
        for term in wanted.terms:
            for unit in term.units:
                assert f" {unit}" in padded
