import pytest

from maoocr.errors import Overloaded
from maoocr.pool.gate import Gate, Place


class Porter:
    """A gate at which a page takes one second of all lanes together."""

    def __init__(self, *, documents: int = 100, wait_s: float = 10.0) -> None:
        self.seconds_per_page = 1.0
        self.counts: list[int] = []
        self.gate = Gate(
            max_documents=documents,
            max_queue_seconds=wait_s,
            seconds_per_page=lambda: self.seconds_per_page,
            on_change=self.counts.append,
        )

    def admit(self, pages: int = 1, client: str = "anna", deadline: float = 1e9) -> Place:
        return self.gate.admit(pages, client, 0.0, deadline)

    def refusal(self, pages: int = 1, client: str = "anna", deadline: float = 1e9) -> Overloaded:
        with pytest.raises(Overloaded) as caught:
            self.admit(pages, client, deadline)
        return caught.value


def test_documents_above_the_number_are_refused() -> None:
    porter = Porter(documents=2)
    porter.admit()
    porter.admit()
    assert "MAOOCR_POOL__MAX_DOCUMENTS" in porter.refusal().message


def test_room_that_is_given_back_is_room_again() -> None:
    porter = Porter(documents=1)
    place = porter.admit()
    porter.gate.release(place)
    porter.gate.release(place)
    porter.admit()
    assert porter.counts == [1, 0, 0, 1]


def test_some_room_is_kept_for_clients_who_have_nothing_in_work() -> None:
    porter = Porter(documents=16, wait_s=1000)
    for _ in range(14):
        porter.admit()
    assert "the limit is 14" in porter.refusal().message
    porter.admit(client="ben")


def test_a_document_waits_only_for_its_share_of_a_longer_one() -> None:
    porter = Porter(wait_s=10)
    porter.admit(300)
    porter.admit(10)
    assert "MAOOCR_POOL__MAX_QUEUE_SECONDS" in porter.refusal(10).message
    porter.admit(5)


def test_a_client_who_floods_does_not_keep_others_out() -> None:
    porter = Porter(wait_s=10)
    for _ in range(11):
        porter.admit()
    porter.refusal()
    porter.admit(client="ben")


def test_a_faster_engine_makes_more_room() -> None:
    porter = Porter(wait_s=1)
    porter.admit(5)
    porter.refusal(5)
    porter.seconds_per_page = 0.1
    porter.admit(5)


@pytest.mark.parametrize(("rate", "wait_s"), [(1.0, 5.0), (2.0, 20.0)])
def test_the_time_to_try_again_is_what_must_be_drained(rate: float, wait_s: float) -> None:
    porter = Porter(wait_s=10)
    porter.admit(30)
    porter.seconds_per_page = rate
    assert porter.refusal(15).retry_after_s == pytest.approx(wait_s)


def test_callers_are_sent_back_one_after_the_other() -> None:
    porter = Porter(documents=1, wait_s=1000)
    porter.admit(4)
    waits = [porter.refusal().retry_after_s for _ in range(3)]
    assert waits == pytest.approx([4.0, 5.0, 6.0])


def test_nobody_is_sent_away_for_longer_than_two_minutes_by_those_before_him() -> None:
    porter = Porter(documents=1, wait_s=1000)
    porter.admit(4)
    waits = [porter.refusal().retry_after_s or 0.0 for _ in range(300)]
    assert max(waits) == pytest.approx(120.0)


def test_asking_whether_there_is_room_takes_none() -> None:
    porter = Porter(documents=1)
    porter.gate.check(1, "anna", 0.0, 1e9)
    porter.admit()
    with pytest.raises(Overloaded):
        porter.gate.check(1, "anna", 0.0, 1e9)


def test_the_time_to_try_again_is_the_end_of_the_shortest_document() -> None:
    porter = Porter(documents=2, wait_s=1000)
    porter.admit(30)
    porter.admit(4)
    assert porter.refusal().retry_after_s == pytest.approx(8.0)


def test_a_document_that_could_not_be_done_in_time_is_refused() -> None:
    porter = Porter(wait_s=10)
    porter.admit(5)
    error = porter.refusal(5, deadline=7.0)
    assert "MAOOCR_LIMITS__REQUEST_SECONDS" in error.message
    assert error.retry_after_s == pytest.approx(3.0)


def test_a_document_that_waits_for_nobody_may_try() -> None:
    Porter().admit(500, deadline=7.0)


def test_pages_that_are_done_count_no_more() -> None:
    porter = Porter(wait_s=10)
    place = porter.admit(15)
    porter.refusal(15)
    place.remaining = 3
    porter.admit(15)


def test_it_tells_when_the_last_document_is_gone() -> None:
    porter = Porter()
    place = porter.admit()
    assert not porter.gate.emptied.is_set()
    porter.gate.release(place)
    assert porter.gate.emptied.is_set()
    assert len(porter.gate) == 0
