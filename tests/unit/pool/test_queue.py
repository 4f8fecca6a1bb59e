import itertools
from collections.abc import Hashable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from maoocr.pool.queue import MOST_OVERTAKERS, BatchPolicy, Document, FairQueue

ONE = BatchPolicy()


@dataclass(eq=False)
class Page:
    name: str
    document: "Document[Page]"
    key: Hashable = "k"
    deadline: float = 1e9
    alone: bool = False
    size_px: tuple[int, int] | None = None
    is_settled: bool = field(default=False)


class Hall:
    """A queue with documents by name."""

    def __init__(self) -> None:
        self.expired: list[str] = []
        self.queue: FairQueue[Page] = FairQueue(lambda page: self.expired.append(page.name))
        self.documents: dict[str, Document[Page]] = {}

    def open(self, name: str, client: str = "client") -> None:
        self.documents[name] = self.queue.open(client)

    def put(self, name: str, document: str = "d", **fields: object) -> Page:
        if document not in self.documents:
            self.open(document)
        page = Page(name, self.documents[document], **fields)  # type: ignore[arg-type]
        self.queue.put(page)
        return page

    def take(self, policy: BatchPolicy = ONE, now: float = 0.0) -> list[str]:
        return [page.name for page in self.queue.take(now, policy)]


def test_an_empty_queue_gives_nothing() -> None:
    assert Hall().take() == []


def test_pages_of_a_document_keep_their_order() -> None:
    hall = Hall()
    for name in "abc":
        hall.put(name)
    assert [hall.take() for _ in range(4)] == [["a"], ["b"], ["c"], []]


def test_documents_of_a_client_take_turns() -> None:
    hall = Hall()
    for name in ("a1", "a2", "a3"):
        hall.put(name, "a")
    for name in ("b1", "b2"):
        hall.put(name, "b")
    assert [hall.take()[0] for _ in range(5)] == ["a1", "b1", "a2", "b2", "a3"]


def test_clients_take_turns_however_many_documents_they_have() -> None:
    hall = Hall()
    for number in range(3):
        hall.open(f"a{number}", "anna")
        hall.put(f"a{number}", f"a{number}")
    hall.open("b", "ben")
    hall.put("b1", "b")
    hall.put("b2", "b")
    assert [hall.take()[0] for _ in range(5)] == ["a0", "b1", "a1", "b2", "a2"]


def test_a_newcomer_goes_before_those_who_were_served() -> None:
    hall = Hall()
    for number in range(5):
        hall.put(f"long {number}", "long")
    assert hall.take() == ["long 0"]
    hall.put("single", "other")
    assert hall.take() == ["single"]


def test_a_stream_of_newcomers_gets_every_other_turn_at_last() -> None:
    hall = Hall()
    for number in range(40):
        hall.put("long", "long")
        hall.open(f"new {number}", f"client {number}")
    hall.take()
    turns = []
    for number in range(MOST_OVERTAKERS + 20):
        hall.put("new", f"new {number}")
        turns += hall.take()
    assert turns == ["new"] * MOST_OVERTAKERS + ["long", "new"] * 10


def test_a_document_that_was_served_is_no_newcomer_when_more_of_it_comes() -> None:
    hall = Hall()
    hall.open("a", "anna")
    hall.open("b", "ben")
    hall.put("a1", "a")
    hall.put("b1", "b")
    assert [hall.take()[0] for _ in range(2)] == ["a1", "b1"]
    hall.put("b2", "b")
    hall.put("a2", "a")
    assert hall.take() == ["b2"]


def test_a_client_is_forgotten_with_his_last_document() -> None:
    hall = Hall()
    hall.open("a", "anna")
    hall.put("a1", "a")
    hall.take()
    hall.queue.close(hall.documents["a"])
    hall.open("b", "ben")
    hall.put("b1", "b")
    hall.open("a again", "anna")
    hall.put("a2", "a again")
    assert [hall.take()[0] for _ in range(2)] == ["b1", "a2"]


def test_closing_a_document_drops_what_waits_in_it() -> None:
    hall = Hall()
    hall.put("a", "a")
    hall.put("b", "b")
    hall.queue.close(hall.documents["a"])
    assert len(hall.queue) == 1
    assert hall.take() == ["b"]


def test_a_page_whose_caller_left_is_skipped_in_silence() -> None:
    hall = Hall()
    hall.put("a").is_settled = True
    hall.put("b")
    assert hall.take() == ["b"]
    assert hall.expired == []
    assert len(hall.queue) == 0


def test_a_page_whose_deadline_passed_is_reported_and_never_taken() -> None:
    hall = Hall()
    hall.put("late", deadline=5.0)
    hall.put("later", deadline=50.0)
    assert hall.take(now=5.0) == ["later"]
    assert hall.expired == ["late"]


def test_a_page_that_left_can_be_discarded_once() -> None:
    hall = Hall()
    page = hall.put("a")
    assert hall.queue.discard(page)
    assert not hall.queue.discard(page)
    assert hall.take() == []


def test_a_page_that_is_put_back_goes_before_the_others_of_its_document() -> None:
    hall = Hall()
    first = hall.put("a")
    hall.put("b")
    hall.take()
    hall.queue.put_back(first)
    assert [hall.take()[0] for _ in range(2)] == ["a", "b"]


def test_draining_leaves_nothing() -> None:
    hall = Hall()
    hall.put("a", "a")
    hall.put("b", "b")
    assert [page.name for page in hall.queue.drain()] == ["a", "b"]
    assert len(hall.queue) == 0
    assert hall.take() == []


def test_keys_never_mix_and_those_of_one_key_find_together() -> None:
    hall = Hall()
    for number, name in enumerate(["e1", "f1", "e2", "f2"]):
        hall.put(name, f"d{number}", key=name[0])
    policy = BatchPolicy(max_pages=4)
    assert [hall.take(policy) for _ in range(3)] == [["e1", "e2"], ["f1", "f2"], []]


def test_a_document_never_overtakes_itself_for_the_sake_of_a_batch() -> None:
    hall = Hall()
    for name in ("e1", "f1", "e2"):
        hall.put(name, key=name[0])
    policy = BatchPolicy(max_pages=4)
    assert [hall.take(policy) for _ in range(3)] == [["e1"], ["f1"], ["e2"]]


def test_a_batch_ends_at_its_budget_and_a_page_above_it_goes_alone() -> None:
    hall = Hall()
    sizes = {"a": (10, 10), "b": (10, 10), "wide": (40, 10), "HUGE": (100, 100), "c": (10, 10)}
    for name, size in sizes.items():
        hall.put(name, size_px=size)
    policy = BatchPolicy(max_pages=8, max_padded_px=400)
    batches = [hall.take(policy) for _ in range(4)]
    assert batches == [["a", "b"], ["wide"], ["HUGE"], ["c"]]


def test_a_batch_ends_at_its_number_of_pages() -> None:
    hall = Hall()
    for name in "abc":
        hall.put(name)
    assert hall.take(BatchPolicy(max_pages=2)) == ["a", "b"]


def test_a_page_that_is_to_be_alone_shares_no_batch() -> None:
    hall = Hall()
    for name, alone in (("a", False), ("suspect", True), ("c", False)):
        hall.put(name, alone=alone)
    policy = BatchPolicy(max_pages=8)
    assert [hall.take(policy) for _ in range(3)] == [["a"], ["suspect"], ["c"]]


commands = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), st.sampled_from("ef")),
        st.tuples(st.just("take"), st.integers(1, 4), st.just("")),
        st.tuples(st.just("leave"), st.integers(0, 40), st.just("")),
        st.tuples(st.just("back"), st.integers(0, 40), st.just("")),
    ),
    max_size=80,
)


@given(commands)
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_and_nothing_is_given_twice(script: list[tuple[str, int, str]]) -> None:
    hall = Hall()
    for number in range(6):
        hall.open(str(number), f"client {number % 3}")
    numbers = itertools.count()
    waiting: list[Page] = []
    taken: list[Page] = []
    for what, argument, key in script:
        if what == "put":
            waiting.append(hall.put(str(next(numbers)), str(argument), key=key))
        elif what == "take":
            batch = hall.queue.take(0.0, BatchPolicy(max_pages=argument))
            assert len(batch) <= argument
            assert len({page.key for page in batch}) <= 1
            for page in batch:
                assert page is next(p for p in waiting if p.document is page.document)
                waiting.remove(page)
            taken += batch
        elif what == "leave" and argument < len(waiting):
            hall.queue.discard(waiting.pop(argument))
        elif what == "back" and argument < len(taken):
            page = taken.pop(argument)
            hall.queue.put_back(page)
            at = [n for n, p in enumerate(waiting) if p.document is page.document]
            waiting.insert(at[0] if at else len(waiting), page)
        assert len(hall.queue) == len(waiting)
    left = []
    while batch := hall.queue.take(0.0, ONE):
        left += batch
    assert sorted(int(p.name) for p in left) == sorted(int(p.name) for p in waiting)


@given(
    lanes=st.integers(1, 4),
    before=st.integers(0, 40),
    same_client=st.booleans(),
    batch=st.integers(1, 4),
)
@settings(deadline=None)
def test_a_single_page_waits_for_one_page_of_each_lane_at_most(
    lanes: int, before: int, same_client: bool, batch: int
) -> None:
    hall = Hall()
    hall.open("long", "anna")
    hall.open("single", "anna" if same_client else "ben")
    for number in range(300):
        hall.put(str(number), "long")
    policy = BatchPolicy(max_pages=batch)
    for _ in range(lanes + before):
        hall.take(policy)
    hall.put("single", "single")
    assert "single" in hall.take(policy)


@given(pages=st.lists(st.integers(1, 30), min_size=2, max_size=6))
@settings(max_examples=30, deadline=None)
def test_whoever_waits_all_the_time_gets_an_equal_share(pages: list[int]) -> None:
    hall = Hall()
    for number, count in enumerate(pages):
        for _ in range(count):
            hall.put(str(number), str(number))
    turns = [hall.take()[0] for _ in range(sum(pages))]
    least = min(pages)
    counts = [turns[: least * len(pages)].count(str(n)) for n in range(len(pages))]
    assert set(counts) == {least}
