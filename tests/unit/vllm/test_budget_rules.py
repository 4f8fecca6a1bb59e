"""No order of calls and words passes a budget by more than the calls that run."""

import asyncio
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from maoocr.errors import EndpointUnavailable
from maoocr.vllm.budget import Budget
from tests.fakes.vlm_endpoints import Caller, Rig, turns

NANO = 1_000_000_000
DAY = date(2026, 1, 1)


@given(
    budget=st.integers(1, 50),
    price=st.integers(1, 30),
    slots=st.integers(1, 4),
    replicas=st.integers(1, 3),
    steps=st.lists(st.integers(0, 5), max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_never_more_than_the_budget_and_one_call_for_each_slot(
    budget: int, price: int, slots: int, replicas: int, steps: list[int]
) -> None:
    async def run() -> None:
        rigs = [
            Rig(
                Caller(
                    "cloud",
                    price_per_page=price / 100,
                    daily_budget=budget / 100,
                    concurrency=slots,
                )
            )
            for _ in range(replicas)
        ]
        for rig in rigs:
            rig.callers[0].holds = True
            rig.day = DAY
            rig.members[0].budget.on_spending(lambda: _tell(rigs))
        tasks: list[asyncio.Task[object]] = []
        for step in steps:
            rig = rigs[step % replicas]
            if step < 4:
                tasks.append(asyncio.create_task(_ask(rig)))
            else:
                rig.callers[0].let_go()
            await turns()
        for _ in range(len(steps) + 1):
            for rig in rigs:
                rig.callers[0].let_go()
            await turns()
        await asyncio.gather(*tasks)
        spent = sum(rig.members[0].budget.own[DAY].cost_nano for rig in rigs if _own(rig))
        assert spent <= (budget + price * slots * replicas) * NANO // 100
        if spent >= budget * NANO // 100:
            assert not any(rig.members[0].may_call for rig in rigs)

    asyncio.run(run())


async def _ask(rig: Rig) -> None:
    try:
        await rig.ask()
    except EndpointUnavailable:
        return


def _own(rig: Rig) -> bool:
    return DAY in rig.members[0].budget.own


def _tell(rigs: list[Rig]) -> None:
    """What each spent, to all others at once, as a wire without delay."""
    for number, teller in enumerate(rigs):
        if _own(teller):
            cost_nano = teller.members[0].budget.own[DAY].cost_nano
            for rig in rigs:
                if rig is not teller:
                    rig.members[0].budget.told(DAY, str(number), cost_nano)


@given(prices=st.lists(st.decimals(0, 1, places=6), max_size=100))
def test_sums_do_not_drift(prices: list[object]) -> None:
    budget = Budget(None, lambda: DAY)
    for price in prices:
        budget.spend(float(str(price)))
    exact = sum(int(str(price).replace(".", "").lstrip("0") or 0) for price in prices) * 1000
    assert sum(spent.cost_nano for spent in budget.own.values()) == exact


@given(words=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=30))
def test_words_may_come_in_any_order_and_twice(words: list[tuple[str, int]]) -> None:
    budgets = [Budget(1.0, lambda: DAY) for _ in range(2)]
    for budget, heard in zip(budgets, (words, sorted(words) * 2), strict=True):
        for writer, cost_nano in heard:
            budget.told(DAY, writer, cost_nano)
    assert budgets[0].spent == budgets[1].spent
