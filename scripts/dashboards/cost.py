"""Dashboard *Cost*: pages and money, from the metrics by endpoint and from the ledger by key.

Who asked is no label of any metric: keys come and go, and what one of them reads is nobody's
business who may see `/metrics`. The ledger in the database has it, with exact sums by the day.
"""

from .model import Board, Panel, Query, Row, Variable

__all__ = ["COST"]

ENDPOINT = 'endpoint=~"$endpoint"'
DAYS = "l.day BETWEEN $__timeFrom()::date AND $__timeTo()::date"
NAME = "coalesce(k.name, nullif(l.owner, ''), 'without a key')"
KEYS = "FROM ledger l LEFT JOIN api_keys k ON k.id = l.owner"
MONEY = "sum(l.cost_nano) / 1e9"
MONTH = "l.day >= date_trunc('month', now() AT TIME ZONE 'UTC')::date"

LOCAL = "max(maoocr_local_cost_per_month)"
MEASURED = (
    "sum(increase(maoocr_cost_total[30d])) / (sum("
    'sum by (engine) (increase(maoocr_pages_total{outcome="ok"}[30d]))'
    " and on (engine) sum by (engine) (maoocr_cost_total) > 0) > 0)"
)
PER_PAGE = f"(max(maoocr_remote_cost_per_page) or {MEASURED})"
LOAD = "sum(increase(maoocr_page_ways_total[30d]))"


def sql(select: str, rest: str, *, over_time: bool = False) -> Query:
    """A question to the ledger."""
    return Query(f"SELECT {select}\n{rest}", is_sql=True, over_time=over_time)


def by_day(value: str, name: str, source: str = KEYS) -> Query:
    """One line for each name, a point for each day."""
    select = f"l.day::timestamp AS time,\n  {name} AS metric,\n  {value} AS value"
    return sql(select, f"{source}\nWHERE {DAYS}\nGROUP BY 1, 2\nORDER BY 1", over_time=True)


NOW = Row(
    "Now",
    (
        Panel(
            "Spent in the last day",
            "Over all endpoints, calls that were broken off among them. Money is in the currency of"
            " `MAOOCR_COSTS__CURRENCY` wherever it stands here.",
            (Query("sum(increase(maoocr_cost_total[1d])) or vector(0)"),),
            "none",
            "stat",
            5,
            decimals=2,
            alerts=("CostSpike",),
        ),
        Panel(
            "Spent per hour",
            "At the pace of the last hour.",
            (Query("3600 * sum(rate(maoocr_cost_total[1h])) or vector(0)"),),
            "none",
            "stat",
            5,
            decimals=4,
            alerts=("CostSpike",),
        ),
        Panel(
            "This machine costs in a month",
            "As `MAOOCR_COSTS__LOCAL_PER_MONTH` says; nothing where it is not set.",
            (Query(LOCAL),),
            "none",
            "stat",
            decimals=2,
        ),
        Panel(
            "It pays from so many pages a month on",
            "What this machine costs in a month, by what a page costs remotely:"
            " `MAOOCR_COSTS__REMOTE_PER_PAGE`, else as measured over 30 days.",
            (Query(f"ceil({LOCAL} / ({PER_PAGE} > 0))"),),
            "short",
            "stat",
            5,
            decimals=0,
        ),
        Panel(
            "Pages in the last 30 days",
            "That were read, wherever; the number to compare with.",
            (Query(LOAD),),
            "short",
            "stat",
            5,
            decimals=0,
        ),
    ),
)

BUDGETS = Row(
    "Endpoints",
    (
        Panel(
            "What does each endpoint cost?",
            "Money per hour, at the pace of the last hour.",
            (
                Query(
                    f"3600 * sum by (engine, endpoint) (rate(maoocr_cost_total{{{ENDPOINT}}}[1h]))",
                    "{{engine}}: {{endpoint}}",
                ),
            ),
            "none",
            shape="stack",
            decimals=4,
            alerts=("CostSpike",),
        ),
        Panel(
            "What is left of today's budgets?",
            "Share of the `daily_budget` of each endpoint that has one; whole again at midnight in"
            " UTC. At 0 the engine is left out, and the next of a plan reads.",
            (
                Query(
                    f"min by (endpoint) (maoocr_budget_left{{{ENDPOINT}}})"
                    f" / (max by (endpoint) (maoocr_budget_daily{{{ENDPOINT}}}) > 0)",
                    "{{endpoint}}",
                ),
            ),
            "percentunit",
            limits=(0.05, 0.2),
            low_is_bad=True,
            top=1,
            alerts=("BudgetNearlySpent", "BudgetSpent"),
        ),
        Panel(
            "Which is cheaper, here or remotely?",
            "What the pages of the last 30 days would have cost remotely, beside what this machine"
            " costs in a month. The line that is higher is the dearer side.",
            (Query(f"{LOAD} * {PER_PAGE}", "remotely"), Query(LOCAL, "this machine")),
            "none",
            decimals=2,
        ),
    ),
)

BY_KEY = Row(
    "Keys (from the ledger)",
    (
        Panel(
            "Who read how much, and what did it cost?",
            "Days in UTC that the range at the top touches. `Seconds` are those of engines. Pages"
            " that came from the cache are not among them.",
            (
                sql(
                    f'{NAME} AS "Key",\n  sum(l.pages) AS "Pages",\n  sum(l.calls) AS "Calls",\n'
                    '  sum(l.input_tokens) AS "Tokens read",\n'
                    '  sum(l.output_tokens) AS "Tokens written",\n'
                    f'  sum(l.busy_us) / 1e6 AS "Seconds",\n  {MONEY} AS "Money"',
                    f"{KEYS}\nWHERE {DAYS}\nGROUP BY 1\nORDER BY {MONEY} DESC, sum(l.pages) DESC",
                ),
            ),
            "short",
            "table",
            16,
            units={"Seconds": "s", "Money": "none"},
        ),
        Panel(
            "Which keys cost most this month?",
            "The ten that cost most since the first of the month, in UTC.",
            (
                sql(
                    f'{NAME} AS "Key",\n  {MONEY} AS "Money",\n  sum(l.pages) AS "Pages"',
                    f"{KEYS}\nWHERE {MONTH}\nGROUP BY 1\nORDER BY 2 DESC, 3 DESC\nLIMIT 10",
                ),
            ),
            "short",
            "table",
            8,
            units={"Money": "none"},
        ),
        Panel(
            "How many pages does each key read?",
            "By day.",
            (by_day("sum(l.pages)", NAME),),
            "short",
            width=12,
            shape="bars",
        ),
        Panel(
            "What does each key cost?",
            "Money by day.",
            (by_day(MONEY, NAME),),
            "none",
            width=12,
            shape="bars",
            decimals=2,
        ),
    ),
)

BY_ENGINE = Row(
    "Engines and endpoints (from the ledger)",
    (
        Panel(
            "What does a page cost, by engine?",
            "Of answers: pages that were read, and chats that were passed through. An endpoint that"
            " is empty is a lane of this machine.",
            (
                sql(
                    'l.engine AS "Engine",\n  l.endpoint AS "Endpoint",\n  l.kind AS "Kind",\n'
                    '  sum(l.pages) AS "Pages",\n  sum(l.calls) AS "Calls",\n'
                    '  sum(l.busy_us) / 1e6 / nullif(sum(l.pages), 0) AS "Seconds per page",\n'
                    f'  {MONEY} AS "Money",\n  {MONEY} / nullif(sum(l.pages), 0)'
                    ' AS "Money per page"',
                    f"FROM ledger l\nWHERE {DAYS}\nGROUP BY 1, 2, 3\nORDER BY {MONEY} DESC,"
                    " sum(l.pages) DESC",
                ),
            ),
            "short",
            "table",
            16,
            units={"Seconds per page": "s", "Money": "none", "Money per page": "none"},
        ),
        Panel(
            "What cost money and gave no answer?",
            "What endpoints were paid, and how much of it stands in no answer: calls that were"
            " broken off or failed, and pages that were lost.",
            (
                sql(
                    'sum(s.cost_nano) / 1e9 AS "Paid",\n'
                    "  (sum(s.cost_nano) - (SELECT coalesce(sum(l.cost_nano), 0) FROM ledger l"
                    f' WHERE {DAYS})) / 1e9 AS "Without an answer"',
                    f"FROM spending s\nWHERE {DAYS.replace('l.day', 's.day')}",
                ),
            ),
            "none",
            "table",
            8,
            decimals=4,
        ),
        Panel(
            "How many pages does each engine read?",
            "By day.",
            (by_day("sum(l.pages)", "l.engine", "FROM ledger l"),),
            "short",
            width=12,
            shape="bars",
        ),
        Panel(
            "What does each endpoint get?",
            "Money by day, as paid: broken-off calls among it.",
            (
                by_day(
                    "sum(l.cost_nano) / 1e9",
                    "l.endpoint",
                    "FROM spending l",
                ),
            ),
            "none",
            width=12,
            shape="bars",
            decimals=2,
        ),
    ),
)

COST = Board(
    "cost",
    "Cost",
    "Pages and money by key, engine and endpoint, and where the machine here begins to pay.",
    (NOW, BUDGETS, BY_KEY, BY_ENGINE),
    (Variable("endpoint", "Endpoint", "label_values(maoocr_vlm_endpoint_up, endpoint)"),),
    since="now-30d",
)
