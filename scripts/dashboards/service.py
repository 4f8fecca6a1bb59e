"""Dashboard *Service*: what callers feel, and whether there is room."""

from .model import Board, Panel, Query, Row, Variable, or_none, per_second, quantile
from .service_work import ANSWERS, ASKED, ENGINE, GATEWAY, JOBS, REPLICAS, STATE

__all__ = ["SERVICE"]

READING = f'{GATEWAY},route=~"/api/ocr/recognize|/api/ocr/recognize-with-requirements"'
FAULTS = per_second("maoocr_http_requests_total", where=f'{ASKED},status=~"5.."')
REQUESTS = per_second("maoocr_http_requests_total", where=ASKED)
SECONDS = "maoocr_http_request_seconds"

GLANCE = Row(
    "At a glance",
    (
        Panel(
            "Gateways",
            "How many Prometheus reaches, and how many of them take documents.",
            (
                Query('count(up{job="gateway"} == 1) or vector(0)', "up"),
                Query("sum(maoocr_ready) or vector(0)", "ready"),
            ),
            "none",
            "stat",
            limits=(1,),
            low_is_bad=True,
            alerts=("GatewayDown", "GatewayMissing", "GatewayNotReady"),
        ),
        Panel(
            "Requests",
            "Answers per second, without probes and scrapes.",
            (Query(REQUESTS),),
            "reqps",
            "stat",
        ),
        Panel(
            "Share of errors",
            "Answers with a status of 500 or above, of all. The objective is 0.1 % over 30 days.",
            (Query(f"({FAULTS} or vector(0)) / ({REQUESTS} > 0) or vector(0)"),),
            "percentunit",
            "stat",
            limits=(0.001, 0.01),
            decimals=2,
            alerts=("ErrorsFast", "ErrorsSlow"),
        ),
        Panel(
            "95 % are read within",
            "From the first byte of a document to the last of its answer. The objective is 10 s.",
            (Query(quantile(0.95, SECONDS, where=READING)),),
            "s",
            "stat",
            limits=(5, 10),
            alerts=("LatencyFast", "LatencySlow"),
        ),
        Panel(
            "Pages that wait",
            "Pages without a lane, over all engines.",
            (Query(f"sum(maoocr_queue_pages{{{ENGINE}}})"),),
            "none",
            "stat",
        ),
        Panel(
            "Alerts",
            "Alerts that fire now, without the one that always does.",
            (Query('count(ALERTS{alertstate="firing", alertname!="Watchdog"}) or vector(0)'),),
            "none",
            "stat",
            limits=(1,),
            link="/prometheus/alerts?state=firing",
        ),
    ),
)

TRAFFIC = Row(
    "Requests",
    (
        Panel(
            "Who asks for what?",
            "Answers per second by route. `other` is what has no route.",
            (Query(per_second("maoocr_http_requests_total", "route", where=ASKED), "{{route}}"),),
            "reqps",
            shape="stack",
        ),
        Panel(
            "How do requests end?",
            "Answers per second by status. 429 is a caller's own limit or no room; 5xx is a fault.",
            (Query(per_second("maoocr_http_requests_total", "status", where=ASKED), "{{status}}"),),
            "reqps",
            shape="stack",
            alerts=("ErrorsFast",),
        ),
        Panel(
            "How fast is the budget of errors used up?",
            "1 uses the whole budget of 30 days in just 30 days; 14.4 uses it in two.",
            (
                Query("maoocr:availability_burn:ratio_rate1h", "answers that are no 5xx"),
                Query("maoocr:latency_burn:ratio_rate1h", "documents read in under 10 s"),
            ),
            "none",
            limits=(1, 14.4),
            decimals=2,
            alerts=("ErrorsSlow", "LatencySlow"),
        ),
        Panel(
            "How long does a document take?",
            "Percentiles over the two routes that read while their caller waits.",
            tuple(
                Query(quantile(share, SECONDS, where=READING), f"{share:.0%} within")
                for share in (0.5, 0.95, 0.99)
            ),
            "s",
            limits=(10,),
            alerts=("LatencyFast", "LatencySlow"),
        ),
        Panel(
            "How long do 95 % take, by route?",
            "Event streams and WebSockets are there as long as they are open.",
            (Query(quantile(0.95, SECONDS, "route", where=ASKED), "{{route}}"),),
            "s",
        ),
        Panel(
            "How long do 95 % of the pages take, by engine?",
            "In a lane: from pixels to lines. What comes before it is in the panels on room.",
            (
                Query(
                    quantile(0.95, "maoocr_page_recognize_seconds", "engine", where=ENGINE),
                    "{{engine}}",
                ),
            ),
            "s",
        ),
    ),
)

ROOM = Row(
    "Is there room?",
    (
        Panel(
            "How busy are the lanes?",
            "Lanes that read, of all that are up. At 100 % everything that comes has to wait.",
            (
                Query(
                    f'sum by (engine) (maoocr_lanes{{{ENGINE},state="busy"}})'
                    f' / (sum by (engine) (maoocr_lanes{{{ENGINE},state=~"idle|busy"}}) > 0)',
                    "{{engine}}",
                ),
            ),
            "percentunit",
            limits=(0.8, 0.95),
            top=1,
        ),
        Panel(
            "How many pages wait?",
            "Pages without a lane, by engine.",
            (Query(f"sum by (engine) (maoocr_queue_pages{{{ENGINE}}})", "{{engine}}"),),
            "none",
            shape="stack",
        ),
        Panel(
            "How long do 95 % of the pages wait?",
            "For a lane, by engine. What would wait for longer than"
            " `MAOOCR_POOL__MAX_QUEUE_SECONDS` is refused.",
            (
                Query(
                    quantile(0.95, "maoocr_page_queue_seconds", "engine", where=ENGINE),
                    "{{engine}}",
                ),
            ),
            "s",
            limits=(10, 30),
        ),
        Panel(
            "How many documents are in work or waiting?",
            "By engine. `MAOOCR_POOL__MAX_DOCUMENTS` is the most.",
            (Query(f"sum by (engine) (maoocr_admitted_documents{{{ENGINE}}})", "{{engine}}"),),
            "none",
            shape="stack",
        ),
        Panel(
            "Why are documents refused?",
            "Refusals per minute. `overloaded` means more work than room; see `Retry-After`.",
            (
                Query(
                    or_none(
                        "60 * " + per_second("maoocr_refusals_total", "reason", where=GATEWAY),
                        "reason",
                    ),
                    "{{reason}}",
                ),
            ),
            "none",
            shape="bars",
            decimals=1,
            alerts=("DocumentsRefused",),
        ),
        Panel(
            "How large are uploads?",
            "Percentiles of what comes in. `MAOOCR_LIMITS__MAX_BODY_BYTES` is the limit.",
            tuple(
                Query(quantile(share, "maoocr_upload_bytes", where=GATEWAY), f"{share:.0%} below")
                for share in (0.5, 0.95)
            ),
            "bytes",
        ),
    ),
)

SERVICE = Board(
    "service",
    "Service",
    "What callers feel: requests, errors, latency; and whether there is room for more.",
    (GLANCE, TRAFFIC, ROOM, ANSWERS, JOBS, STATE, REPLICAS),
    (
        Variable("instance", "Gateway", 'label_values(up{job="gateway"}, instance)'),
        Variable("engine", "Engine", 'label_values(maoocr_lanes{instance=~"$instance"}, engine)'),
    ),
)
