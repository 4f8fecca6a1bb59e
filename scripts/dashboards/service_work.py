"""Dashboard *Service*, its second half: answers, jobs, state, and each gateway."""

from .model import Panel, Query, Row, or_none, per_second

__all__ = ["ANSWERS", "ASKED", "ENGINE", "GATEWAY", "JOBS", "REPLICAS", "STATE"]

GATEWAY = 'instance=~"$instance"'
ASKED = f'{GATEWAY},route!~"/livez|/readyz|/metrics|/health|/api/v1/monitoring/health"'
"""Requests of people and programs, not of probes."""
ENGINE = f'{GATEWAY},engine=~"$engine"'


def events(counter: str, label: str, times: str = "") -> str:
    """How often per second by a label, or another unit of time; zero if it never happened."""
    return or_none(times + per_second(f"maoocr_{counter}_total", label, where=GATEWAY), label)


ANSWERS = Row(
    "Answers",
    (
        Panel(
            "How do documents end?",
            "Per second: read, or the code of the error. docs/errors.md tells each.",
            (Query(per_second("maoocr_documents_total", "outcome", where=GATEWAY), "{{outcome}}"),),
            "short",
            shape="stack",
        ),
        Panel(
            "Where do answers come from?",
            "Computed; from the cache; or shared with an identical request that was running.",
            (
                Query(
                    per_second("maoocr_answers_total", "engine", "source", where=ENGINE),
                    "{{engine}}: {{source}}",
                ),
            ),
            "short",
            shape="percent",
        ),
        Panel(
            "How often does the cache know?",
            "Hits of all look-ups. One that finds nothing is a miss, although somebody else may be"
            " at it.",
            (
                Query(
                    per_second("maoocr_cache_requests_total", where=f'{GATEWAY},outcome="hit"')
                    + f" / ({per_second('maoocr_cache_requests_total', where=GATEWAY)} > 0)",
                    "hits",
                ),
            ),
            "percentunit",
            top=1,
        ),
        Panel(
            "How many pages are read, by engine?",
            "Pages per second that lanes read without an error.",
            (
                Query(
                    per_second("maoocr_pages_total", "engine", where=f'{ENGINE},outcome="ok"'),
                    "{{engine}}",
                ),
            ),
            "short",
            shape="stack",
        ),
        Panel(
            "How much memory do cached answers take?",
            "In the gateways; answers in Redis are on the dashboard *Machine*.",
            (Query(f"sum by (instance) (maoocr_cache_bytes{{{GATEWAY}}})", "{{instance}}"),),
            "bytes",
            shape="stack",
        ),
        Panel(
            "How are documents fetched from URLs?",
            "Per second by outcome; nothing where `MAOOCR_OUTBOUND__IMAGE_URL` is off.",
            (
                Query(
                    or_none(
                        per_second("maoocr_fetch_seconds_count", "outcome", where=GATEWAY),
                        "outcome",
                    ),
                    "{{outcome}}",
                ),
            ),
            "short",
            shape="stack",
        ),
    ),
)

JOBS = Row(
    "Jobs",
    (
        Panel(
            "How do jobs come and go?",
            "Per minute: accepted, and ended by state.",
            (
                Query(
                    events("jobs", "status", "60 * "),
                    "{{status}}",
                ),
            ),
            "none",
            decimals=1,
            alerts=("JobsStuck",),
        ),
        Panel(
            "How many jobs are open?",
            "That wait or run, over all gateways.",
            (Query("max(maoocr_jobs_open)", "open"),),
            "none",
            alerts=("JobsStuck",),
        ),
        Panel(
            "How do pages of jobs end?",
            "Per second. `retried`: it is tried again later; `counted`: the pages of a file were"
            " counted.",
            (
                Query(
                    events("job_pages", "outcome"),
                    "{{outcome}}",
                ),
            ),
            "short",
            shape="stack",
        ),
        Panel(
            "How many pages of jobs are in work?",
            "Leased by each gateway.",
            (Query(f"sum by (instance) (maoocr_job_pages_in_work{{{GATEWAY}}})", "{{instance}}"),),
            "none",
            shape="stack",
        ),
        Panel(
            "How many leases ran out?",
            "Pages per minute taken over from a process that died, or hung.",
            (
                Query(
                    "60 * " + per_second("maoocr_job_leases_taken_over_total", where=GATEWAY),
                    "taken over",
                ),
            ),
            "none",
            shape="bars",
            decimals=1,
            alerts=("JobLeasesLost",),
        ),
        Panel(
            "Do webhooks arrive?",
            "Attempts per minute by outcome; one that failed is tried again.",
            (
                Query(
                    events("webhooks", "outcome", "60 * "),
                    "{{outcome}}",
                ),
            ),
            "none",
            shape="stack",
            decimals=1,
            alerts=("WebhooksFail",),
        ),
    ),
)

STATE = Row(
    "History and Redis",
    (
        Panel(
            "What becomes of the rows of the history?",
            "Per second: kept in the database, deferred to the journal while it is away, replayed"
            " from it, or refused by it.",
            (
                Query(
                    per_second("maoocr_history_rows_total", "outcome", where=GATEWAY), "{{outcome}}"
                ),
            ),
            "short",
            shape="stack",
            alerts=("HistoryDeferred", "HistoryRefused"),
        ),
        Panel(
            "How many rows wait in journals?",
            "On the gateways' disk, for the database. None is lost as long as the disk is there.",
            (
                Query(
                    f"sum by (instance) (maoocr_history_journal_rows{{{GATEWAY}}})", "{{instance}}"
                ),
            ),
            "none",
            limits=(1, 10_000),
            alerts=("HistoryDeferred", "PostgresDown"),
        ),
        Panel(
            "Is Redis in use?",
            "1 while it is, 0 while the circuit is open or no `REDIS_URL` is set.",
            (Query(f"min by (instance) (maoocr_redis_up{{{GATEWAY}}})", "{{instance}}"),),
            "none",
            limits=(1,),
            low_is_bad=True,
            top=1,
            alerts=("RedisUnused", "RedisDown"),
        ),
        Panel(
            "What does Redis fail at?",
            "Commands per minute that failed or took too long, by what they were for.",
            (
                Query(
                    events("redis_errors", "use", "60 * "),
                    "{{use}}",
                ),
            ),
            "none",
            shape="bars",
            decimals=1,
            alerts=("RedisUnused",),
        ),
    ),
)

REPLICAS = Row(
    "Gateways",
    (
        Panel(
            "Is the load spread?",
            "Answers per second of each gateway, without probes and scrapes.",
            (
                Query(
                    per_second("maoocr_http_requests_total", "instance", where=ASKED),
                    "{{instance}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "How busy is each gateway?",
            "Processor time of the gateway's own process, without its lanes: 100 % is one core.",
            (
                Query(
                    "sum by (instance) (rate(process_cpu_seconds_total"
                    f'{{job="gateway",{GATEWAY}}}[$__rate_interval]))',
                    "{{instance}}",
                ),
            ),
            "percentunit",
            limits=(0.7, 0.9),
        ),
        Panel(
            "How much memory does each gateway take?",
            "Resident memory of its own process, without its lanes.",
            (
                Query(
                    f'sum by (instance) (process_resident_memory_bytes{{job="gateway",{GATEWAY}}})',
                    "{{instance}}",
                ),
            ),
            "bytes",
        ),
        Panel(
            "How many open files and connections?",
            "Of what the process may have.",
            (
                Query(
                    f'process_open_fds{{job="gateway",{GATEWAY}}}'
                    f' / process_max_fds{{job="gateway",{GATEWAY}}}',
                    "{{instance}}",
                ),
            ),
            "percentunit",
            limits=(0.7, 0.9),
            top=1,
        ),
        Panel(
            "Which version runs, and for how long?",
            "One line for each gateway.",
            (
                Query(
                    f'(time() - process_start_time_seconds{{job="gateway",{GATEWAY}}})'
                    f" * on (instance) group_left (version) maoocr_build_info{{{GATEWAY}}}"
                ),
            ),
            "s",
            "table",
            16,
            columns={"instance": "Gateway", "version": "Version", "Value": "Up for"},
            units={"Up for": "s"},
        ),
    ),
)
