"""What vLLM's metrics say, and what a day may cost."""

from datetime import date

from maoocr.vllm.budget import Budget
from maoocr.vllm.figures import Figures, figures_of

PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 7.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="awake"} 1.0
vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="weights_offloaded"} 0.0
vllm:generation_tokens_total{engine="0",model_name="m"} 4000.0
vllm:generation_tokens_total{engine="1",model_name="m"} 500.0
"""


def test_figures_are_summed_over_engine_processes() -> None:
    assert figures_of(PAGE) == Figures(5, 7, 0.5, is_asleep=False, tokens=4500)


def test_sleep_is_noticed() -> None:
    asleep = PAGE.replace('"awake"} 1.0', '"awake"} 0.0').replace('offloaded"} 0', 'offloaded"} 1')
    found = figures_of(asleep)
    assert found is not None
    assert found.is_asleep


def test_other_pages_have_none() -> None:
    assert figures_of("") is None
    assert figures_of("process_cpu_seconds_total 4\nvllm:other 1") is None
    assert figures_of("vllm:num_requests_running nonsense") == Figures()


def test_a_budget_lasts_until_the_day_ends() -> None:
    days = [date(2026, 1, 1)]
    budget = Budget(1.0, lambda: days[0])
    exhausted = []
    for money in (0.6, 0.4):
        budget.spend(money)
        exhausted.append(budget.is_exhausted)
    days[0] = date(2026, 1, 2)
    assert [*exhausted, budget.is_exhausted] == [False, True, False]
    assert budget.spent == 0


def test_a_budget_learns_what_others_spent() -> None:
    days = [date(2026, 1, 1)]
    budget = Budget(1.0, lambda: days[0])
    budget.spend(0.5)
    budget.told(days[0], "a", 250_000_000)
    budget.told(days[0], "a", 100_000_000)
    budget.told(date(2025, 12, 31), "b", 900_000_000)
    assert (budget.spent, budget.left) == (0.75, 0.25)
    budget.told(days[0], "b", 250_000_000)
    assert budget.is_exhausted
    days[0] = date(2026, 1, 2)
    assert (budget.spent, budget.left) == (0.0, 1.0)


def test_no_budget_is_never_exhausted() -> None:
    budget = Budget(None)
    budget.spend(1e9)
    assert not budget.is_exhausted
