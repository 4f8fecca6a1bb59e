"""What Prometheus makes of an accelerator: with an exporter that says what DCGM's would say of it.

A card cannot be made to fail, to fill or to overheat here. So its exporter's page, in the format of
NVIDIA's, is written by the test, and all behind it is real: discovery, rules, and alerts that fire
and end.
"""

import json
import re
import shutil
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.engine import ROOT, Engine, Images
from tests.deploy.front import until
from tests.deploy.test_dashboards import OF_AN_ACCELERATOR, asks_for
from tests.house.test_dashboards import EXPRESSIONS, filled

EXPORTER = """
import http.server

class Exporter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = open("/dcgm/metrics", "rb").read()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("", 9400), Exporter).serve_forever()
"""
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
LABELS = (
    'gpu="0",UUID="GPU-4cf6f8d3",pci_bus_id="00000000:3B:00.0",device="nvidia0",'
    'modelName="NVIDIA L4",Hostname="server",DCGM_FI_DRIVER_VERSION="570.124.06"'
)
WELL = {
    "DCGM_FI_DEV_FB_FREE": 12000.0,
    "DCGM_FI_DEV_FB_USED": 11000.0,
    "DCGM_FI_DEV_GPU_TEMP": 55.0,
    "DCGM_FI_DEV_GPU_UTIL": 80.0,
    "DCGM_FI_DEV_MEMORY_TEMP": 60.0,
    "DCGM_FI_DEV_MEM_CLOCK": 6251.0,
    "DCGM_FI_DEV_MEM_COPY_UTIL": 40.0,
    "DCGM_FI_DEV_POWER_USAGE": 68.0,
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": 0.0,
    "DCGM_FI_DEV_SM_CLOCK": 2040.0,
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 5_000_000.0,
    "DCGM_FI_DEV_XID_ERRORS": 0.0,
}
"""Of the counters that the exporter gives by default, those that say something here; MiB, degrees
Celsius, percent, MHz, W, mJ."""
CAUSES = {
    "GpuFault": {"DCGM_FI_DEV_XID_ERRORS": 79.0},
    "GpuMemoryFull": {"DCGM_FI_DEV_FB_FREE": 200.0, "DCGM_FI_DEV_FB_USED": 22800.0},
    "GpuHot": {"DCGM_FI_DEV_GPU_TEMP": 91.0},
}


class Card:
    """An accelerator, its exporter, and the Prometheus that watches it."""

    def __init__(self, engine: Engine, prefix: str, folder: Path) -> None:
        self._engine = engine
        self._prefix = prefix
        self._folder = folder

    def start(self, exporter: str, prometheus: str) -> None:
        """Start both, of these images, with the project's rules at a quicker pace."""
        self.says({})
        # The tests write it, others read it.
        self._folder.chmod(0o755)
        rules = self._folder / "prometheus"
        shutil.copytree(ROOT / "prometheus", rules)
        for path in (rules / "rules").glob("*.yml"):
            path.write_text(re.sub(r"for: .*", "for: 3s", path.read_text()))
        whole = rules / "prometheus.yml"
        pace = re.sub(r"(scrape_interval|evaluation_interval): .*", r"\1: 1s", whole.read_text())
        pace = re.sub(r"scrape_timeout: .*", "scrape_timeout: 1s", pace)
        whole.write_text(re.sub(r"refresh_interval: .*", "refresh_interval: 1s", pace))
        network = f"{self._prefix}-watch"
        self._engine("network", "create", "--internal", network)
        self._engine(
            *("run", "--detach", "--name", f"{self._prefix}-exporter", "--no-healthcheck"),
            *("--network", network, "--network-alias", "dcgm-exporter"),
            *("-v", f"{self._folder}:/dcgm:ro", exporter, "python", "-c", EXPORTER),
        )
        self._engine(
            *("run", "--detach", "--name", f"{self._prefix}-prometheus"),
            *("--network", network, "--network-alias", "prometheus"),
            *("-v", f"{rules}:/etc/prometheus:ro", "--tmpfs", "/data:mode=1777", prometheus),
            *("--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/data"),
        )

    def says(self, otherwise: dict[str, float]) -> None:
        """From now on: that all is well, but for these."""
        lines = []
        for name, value in (WELL | otherwise).items():
            kind = "counter" if "TOTAL" in name else "gauge"
            lines.append(f"# HELP {name} Of DCGM.\n# TYPE {name} {kind}\n")
            lines.append(f"{name}{{{LABELS}}} {value:g}\n")
        written = self._folder / "metrics.new"
        written.write_text("".join(lines))
        written.rename(self._folder / "metrics")

    def asked(self, expression: str) -> list[dict[str, Any]]:
        """What Prometheus answers; nothing while it starts."""
        query = urllib.parse.urlencode({"query": expression})
        url = f"http://prometheus:9090/api/v1/query?{query}"
        done = self._engine.tried("exec", f"{self._prefix}-exporter", "python", "-c", ASK, url)
        if not done.stdout:
            return []
        found: list[dict[str, Any]] = json.loads(done.stdout)["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """The alerts about this card."""
        alerts = self.asked('ALERTS{alertstate="firing", gpu="0"}')
        return {alert["metric"]["alertname"] for alert in alerts}


@pytest.fixture(scope="module")
def card(
    engine: Engine,
    images: Images,
    gateway_image: str,
    module_prefix: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Card]:
    card = Card(engine, module_prefix, tmp_path_factory.mktemp("card"))
    try:
        card.start(gateway_image, images.of("prometheus"))
        until(lambda: bool(card.asked('up{job="dcgm"} == 1')))
        yield card
    finally:
        engine.remove(f"{module_prefix}-")


def test_every_expression_about_an_accelerator_is_answered(card: Card) -> None:
    waiting = [filled(e) for _, e in EXPRESSIONS if asks_for(e, OF_AN_ACCELERATOR)]
    assert waiting

    def are_answered() -> bool:
        waiting[:] = [expression for expression in waiting if not card.asked(expression)]
        return not waiting

    until(are_answered)


@pytest.mark.parametrize("alert", CAUSES)
def test_an_alert_about_it_fires_and_ends(card: Card, alert: str) -> None:
    card.says({})
    until(lambda: not card.firing())
    card.says(CAUSES[alert])
    until(lambda: card.firing() == {alert})
    card.says({})
    until(lambda: not card.firing())
