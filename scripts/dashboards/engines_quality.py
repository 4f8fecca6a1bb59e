"""Dashboard *Engines*, its second half: who reads how well, and what runs."""

from .model import Panel, Query, Row, per_second

__all__ = ["ENGINE", "QUALITY", "VERSIONS", "mean", "of_all"]

ENGINE = 'instance=~"$instance",engine=~"$engine"'
WAYS = per_second("maoocr_page_ways_total", where=ENGINE)


def of_all(ways: str) -> str:
    """The share of pages that were read in such a way."""
    found = per_second("maoocr_page_ways_total", where=f'{ENGINE},way=~"{ways}"')
    return f"({found} or vector(0)) / ({WAYS} > 0)"


def mean(histogram: str) -> str:
    """By engine."""
    added, counted = (
        per_second(f"{histogram}_{part}", "engine", where=ENGINE) for part in ("sum", "count")
    )
    return f"{added} / ({counted} > 0)"


QUALITY = Row(
    "Who reads, and how well",
    (
        Panel(
            "How are pages read?",
            "By who read them. `alone`: one engine; `reread`: a second engine read parts again;"
            " `not_reread`: it should have, and could not; `fallback`: the chosen one could not;"
            " `text_layer`: the PDF has its text in it.",
            (
                Query(
                    per_second("maoocr_page_ways_total", "engine", "way", where=ENGINE),
                    "{{engine}}: {{way}}",
                ),
            ),
            "short",
            shape="percent",
        ),
        Panel(
            "How often does another engine help out?",
            "Fallbacks after a failure or a full queue, and second readings that were wanted and"
            " could not be.",
            (
                Query(of_all("fallback"), "fallback"),
                Query(of_all("reread"), "read again in parts"),
                Query(of_all("not_reread"), "not read again"),
            ),
            "percentunit",
            decimals=2,
        ),
        Panel(
            "How sure is each engine, on average?",
            "Mean score of pages with text.",
            (Query(mean("maoocr_page_confidence_ratio"), "{{engine}}"),),
            "percentunit",
            top=1,
            limits=(0.7, 0.85),
            low_is_bad=True,
        ),
    ),
)

VERSIONS = Row(
    "Versions",
    (
        Panel(
            "Which models are loaded?",
            "The digest changes with the models, and with whatever else changes an answer. Two for"
            " one engine are gateways that do not run the same.",
            (Query(f"count by (engine, digest, runtime) (maoocr_engine_info{{{ENGINE}}} == 1)"),),
            "none",
            "table",
            14,
            columns={
                "engine": "Engine",
                "digest": "Digest",
                "runtime": "Runtime or family",
                "Value": "Gateways",
            },
        ),
        Panel(
            "Which version of the service runs?",
            "More than one while a new one is rolled out.",
            (Query('count by (version) (maoocr_build_info{instance=~"$instance"})'),),
            "none",
            "table",
            10,
            columns={"version": "Version", "Value": "Gateways"},
        ),
    ),
)
