"""Dashboard *Engines*: lanes, the time that pages take, and how well they are read."""

from .engines_quality import ENGINE, QUALITY, VERSIONS, mean, of_all
from .model import Board, Panel, Query, Row, Variable, heat, or_none, per_second, quantile

__all__ = ["ENGINES"]

READ = per_second("maoocr_pages_total", where=f'{ENGINE},outcome="ok"')
ALL = per_second("maoocr_pages_total", where=ENGINE)


def phases(share: float, phase: str, name: str) -> Query:
    """How long a phase takes, by engine."""
    text = quantile(share, f"maoocr_page_{phase}_seconds", "engine", where=ENGINE)
    return Query(text, f"{{{{engine}}}}: {name}")


GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Lanes up",
            "Lanes that read or could, over all gateways.",
            (Query(f'sum(maoocr_lanes{{{ENGINE},state=~"idle|busy"}})'),),
            "none",
            "stat",
            limits=(1,),
            low_is_bad=True,
            alerts=("NoLane",),
        ),
        Panel("Pages", "Per second, read without an error.", (Query(READ),), "short", "stat"),
        Panel(
            "Share of pages that fail",
            "Of all pages that lanes were given, bad documents among them.",
            (Query(f"1 - {READ} / ({ALL} > 0)"),),
            "percentunit",
            "stat",
            limits=(0.01, 0.05),
            decimals=2,
            alerts=("PagesFail",),
        ),
        Panel(
            "Share of fallbacks",
            "Pages that another engine read than the one that was chosen.",
            (Query(of_all("fallback")),),
            "percentunit",
            "stat",
            limits=(0.05, 0.2),
            decimals=2,
        ),
        Panel(
            "Share of escalations",
            "Pages of which a second engine read parts again, or should have.",
            (Query(of_all("reread|not_reread")),),
            "percentunit",
            "stat",
            decimals=2,
        ),
        Panel(
            "Lanes replaced in the last hour",
            "For whatever reason; recycling is one.",
            (Query(f"sum(increase(maoocr_lane_restarts_total{{{ENGINE}}}[1h])) or vector(0)"),),
            "none",
            "stat",
            limits=(5, 30),
            decimals=0,
            alerts=("LanesRestarting",),
        ),
    ),
)

LANES = Row(
    "Lanes",
    (
        Panel(
            "What do the lanes do?",
            "Lanes by state. `waiting` is one that keeps dying and is tried again later; `unloaded`"
            " one that starts when it is needed.",
            (
                Query(
                    f"sum by (engine, state) (maoocr_lanes{{{ENGINE}}}) > 0",
                    "{{engine}}: {{state}}",
                ),
            ),
            "none",
            shape="stack",
            alerts=("NoLane",),
        ),
        Panel(
            "Why are lanes replaced?",
            "Per hour, by reason; `recycled` and `unloaded` are in order.",
            (
                Query(
                    or_none(
                        "3600 * "
                        + per_second(
                            "maoocr_lane_restarts_total", "engine", "reason", where=ENGINE
                        ),
                        "engine",
                        "reason",
                    ),
                    "{{engine}}: {{reason}}",
                ),
            ),
            "none",
            shape="bars",
            decimals=1,
            alerts=("LanesRestarting",),
        ),
        Panel(
            "How much memory do lanes take?",
            "Resident, after the last page of each. `MAOOCR_POOL__LANE_RSS_BYTES` is the limit at"
            " which one is recycled.",
            (
                Query(
                    f"max by (instance, engine, lane) (maoocr_lane_rss_bytes{{{ENGINE}}}) > 0",
                    "{{engine}}/{{lane}} of {{instance}}",
                ),
            ),
            "bytes",
            alerts=("LanesOverMemory",),
        ),
        Panel(
            "How many pages are tried again?",
            "Per minute, because their lane was lost.",
            (
                Query(
                    or_none(
                        "60 * " + per_second("maoocr_pages_retried_total", "engine", where=ENGINE),
                        "engine",
                    ),
                    "{{engine}}",
                ),
            ),
            "none",
            shape="bars",
            decimals=1,
        ),
        Panel(
            "How large are batches?",
            "Pages that a lane gets at once, on average. On a processor it is one.",
            (Query(mean("maoocr_batch_pages"), "{{engine}}"),),
            "none",
            decimals=1,
        ),
        Panel(
            "Why do pages fail?",
            "Per minute, by the code of the error. docs/errors.md tells each.",
            (
                Query(
                    or_none(
                        "60 * "
                        + per_second(
                            "maoocr_pages_total",
                            "engine",
                            "outcome",
                            where=f'{ENGINE},outcome!="ok"',
                        ),
                        "engine",
                        "outcome",
                    ),
                    "{{engine}}: {{outcome}}",
                ),
            ),
            "none",
            shape="bars",
            decimals=1,
            alerts=("PagesFail",),
        ),
    ),
)

SECONDS = Row(
    "Seconds per page",
    (
        Panel(
            "Where does the time go, on average?",
            "Waiting for a lane, from bytes to pixels, from pixels to lines.",
            (
                Query(mean("maoocr_page_queue_seconds"), "{{engine}}: waits"),
                Query(mean("maoocr_page_decode_seconds"), "{{engine}}: decoded"),
                Query(mean("maoocr_page_recognize_seconds"), "{{engine}}: recognized"),
            ),
            "s",
            shape="stack",
        ),
        Panel(
            "How long does a page take to recognize?",
            "From pixels to lines, without decoding.",
            (phases(0.5, "recognize", "50 % within"), phases(0.95, "recognize", "95 % within")),
            "s",
        ),
        Panel(
            "How long do 95 % wait and get decoded?",
            "Decoding that takes long is large pictures, or PDF pages that are drawn.",
            (phases(0.95, "queue", "wait"), phases(0.95, "decode", "decoded")),
            "s",
        ),
        Panel(
            "How is the time to recognize spread?",
            "Pages by the seconds from pixels to lines.",
            (Query(heat("maoocr_page_recognize_seconds", ENGINE), "{{le}}"),),
            "s",
            "heatmap",
            12,
        ),
        Panel(
            "How sure are the engines?",
            "Pages with text by their mean score. A colour that wanders down is a change of what"
            " comes in, or of a model.",
            (Query(heat("maoocr_page_confidence_ratio", ENGINE), "{{le}}"),),
            "percentunit",
            "heatmap",
            12,
        ),
    ),
)

ENGINES = Board(
    "engines",
    "Engines",
    "Lanes, the time that pages take, how well they are read and by whom.",
    (GLANCE, LANES, SECONDS, QUALITY, VERSIONS),
    (
        Variable("instance", "Gateway", 'label_values(up{job="gateway"}, instance)'),
        Variable("engine", "Engine", 'label_values(maoocr_lanes{instance=~"$instance"}, engine)'),
    ),
)
