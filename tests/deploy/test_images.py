"""What the image of the gateway holds, and that it works with next to nothing allowed to it."""

import io
import json
import re
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.deploy.engine import ROOT, Engine
from tests.deploy.pictures import RECEIPT, next_picture
from tests.deploy.single import HARDENED, SingleGateway
from tests.integration.start_stop.waiting import wait_for

MAX_BYTES = 700_000_000
STOP_S = 30.0
WRITABLE = {"/models", "/var/lib/maoocr", "/var/spool/maoocr", "/tmp", "/var/tmp", "/run/lock"}
NOT_INSIDE = """
import importlib.util, shutil
programs = "cc gcc g++ c++ clang ld as make cargo pip pip3 uv curl wget git".split()
print([name for name in programs if shutil.which(name)])
print([name for name in ("pip", "setuptools", "uv", "ensurepip") if importlib.util.find_spec(name)])
"""
OPENCV = """
from importlib.metadata import distributions
from pathlib import Path
import sysconfig
print(sorted(d.name for d in distributions() if d.name.startswith("opencv")))
print([str(it) for it in Path(sysconfig.get_path("purelib")).rglob("cv2*.so")])
"""
SECRET_NAMES = re.compile(
    r"(^|/)(\.git|\.env[^/]*|\.venv[^/]*|secrets|\.ssh|\.docker|\.netrc|id_[a-z0-9]+|[^/]*\.db)(/|$)"
)
SECRET_WORDS = re.compile(r"(?i)(password|secret|token|api_?key)\w*=")


@pytest.fixture(scope="module")
def config(engine: Engine, gateway_image: str) -> dict[str, Any]:
    return dict(json.loads(engine("image", "inspect", gateway_image))[0])


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "receipt.jpg").write_bytes(RECEIPT.read_bytes())
    with Image.open(RECEIPT) as receipt:
        receipt.convert("RGB").save(folder / "receipt.pdf", resolution=150)
    return folder


@pytest.fixture(scope="module")
def gateway(
    engine: Engine, gateway_image: str, module_prefix: str, documents: Path
) -> SingleGateway:
    gateway = SingleGateway(engine, gateway_image, module_prefix, documents)
    gateway.wait_until_healthy()
    return gateway


def inside(engine: Engine, image: str, code: str) -> list[str]:
    printed = engine("run", "--rm", *HARDENED, "--entrypoint", "python", image, "-c", code)
    return printed.splitlines()


def test_it_is_no_larger_than_promised(config: dict[str, Any]) -> None:
    assert config["Size"] <= MAX_BYTES


def test_it_runs_as_nobody_special_behind_an_init_that_passes_signals(
    config: dict[str, Any],
) -> None:
    told = config["Config"]
    assert told["User"] == "1000:1000"
    assert told["Entrypoint"] == ["/usr/bin/tini", "--"]
    assert told["Cmd"] == ["gunicorn", "--config", "configs/gunicorn.py"]
    assert told["StopSignal"] == "SIGTERM"
    assert set(told["ExposedPorts"]) == {"8000/tcp"}
    assert set(told["Volumes"]) == {"/var/lib/maoocr", "/var/spool/maoocr"}
    assert told["Healthcheck"]["Test"][:2] == ["CMD", "python"]


def test_its_labels_are_what_the_build_was_told(engine: Engine, gateway_image: str) -> None:
    told = {"version": "9.8.7", "revision": "abc123", "source": "https://example.com/maoocr"}
    arguments = [f"MAOOCR_{name.upper()}={value}" for name, value in told.items()]
    options = [word for argument in arguments for word in ("--build-arg", argument)]
    built = engine("build", "-q", "--target", "gateway", *options, str(ROOT)).strip()
    labels = json.loads(engine("image", "inspect", "-f", "{{json .Config.Labels}}", built))
    found = {name: labels[f"org.opencontainers.image.{name}"] for name in (*told, "licenses")}
    assert found == told | {"licenses": "Apache-2.0"}


def test_nothing_in_it_compiles_installs_or_downloads(engine: Engine, gateway_image: str) -> None:
    assert inside(engine, gateway_image, NOT_INSIDE) == ["[]", "[]"]


def test_there_is_one_opencv(engine: Engine, gateway_image: str) -> None:
    names, libraries = inside(engine, gateway_image, OPENCV)
    assert names == "['opencv-python-headless']"
    assert libraries.count(".so") == 1


def test_nothing_that_a_gateway_loads_can_be_changed_by_it(
    engine: Engine, gateway_image: str
) -> None:
    search = "-xdev ( -user 1000 -o -group 1000 -o -perm -o+w ) -not -type l -not -type c"
    options = ("--user", "0", "--entrypoint", "find")
    found = engine("run", "--rm", *options, gateway_image, "/", *search.split()).split()
    assert [path for path in found if path not in WRITABLE and not path.startswith("/dev/")] == []


def test_no_layer_holds_a_secret_or_the_history_of_the_source(
    engine: Engine, gateway_image: str, tmp_path: Path
) -> None:
    saved = tmp_path / "image.tar"
    engine("save", "-o", str(saved), gateway_image)
    names = set(names_in_layers(saved))
    own = {name for name in names if name.startswith("app/")}
    assert {name.split("/")[1] for name in own} >= {"src", "configs", "migrations", "docker"}
    assert [name for name in names if SECRET_NAMES.search(name)] == []
    assert [name for name in own if name.startswith(("app/tests", "app/bench"))] == []
    history = engine("history", "--no-trunc", "--format", "{{.CreatedBy}}", gateway_image)
    assert SECRET_WORDS.findall(history) == []


def names_in_layers(saved: Path) -> Iterator[str]:
    """The paths in every layer, whatever a later one hides."""
    with tarfile.open(saved) as image:
        manifest = image.extractfile("manifest.json")
        assert manifest is not None
        for layer in json.load(manifest)[0]["Layers"]:
            content = image.extractfile(layer)
            assert content is not None
            with tarfile.open(fileobj=io.BytesIO(content.read())) as files:
                yield from files.getnames()


def test_what_lies_around_in_a_checkout_does_not_reach_the_builder(
    engine: Engine, tmp_path: Path
) -> None:
    around = tmp_path / "checkout"
    stray = [".env", ".env.bak", "secrets/database_url", ".git/config", "data/maoocr.db", "logs/a"]
    stray += ["src/.env", "src/x/__pycache__/y.pyc", ".venv/bin/python", "models/a.onnx"]
    for name in (*stray, "src/maoocr.py", "configs/gunicorn.py"):
        file = around / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    (around / ".dockerignore").write_bytes((ROOT / ".dockerignore").read_bytes())
    sent = tmp_path / "sent"
    everything = "FROM scratch\nCOPY . /\n"
    engine("build", "-f", "-", "--output", str(sent), str(around), given=everything)
    files = {str(file.relative_to(sent)) for file in sent.rglob("*") if file.is_file()}
    assert files == {"src/maoocr.py", "configs/gunicorn.py"}


def test_it_does_not_start_for_all_the_world_without_a_key(
    engine: Engine, gateway_image: str
) -> None:
    started = engine.tried("run", "--rm", *HARDENED, gateway_image)
    assert started.returncode != 0
    assert "maoocr keys create" in started.stderr


def test_it_reads_a_picture_without_a_network(gateway: SingleGateway) -> None:
    answer = gateway.recognize("receipt.jpg")
    assert "MAO TEA HOUSE" in answer["text"]
    assert "猫茶馆" in answer["text"]


def test_it_reads_a_scanned_document_without_a_network(gateway: SingleGateway) -> None:
    answer = gateway.recognize("receipt.pdf")
    assert answer["pages"][0]["source"] == "ocr"
    assert "MAO TEA HOUSE" in answer["text"]


def test_what_decodes_strangers_files_is_confined(gateway: SingleGateway) -> None:
    decoders = gateway.processes("maoocr.documents.decoder")
    assert decoders
    for decoder in decoders:
        assert decoder["status"]["NoNewPrivs"] == "1"
        assert int(decoder["status"]["CapEff"], 16) == 0
        limits = dict(re.findall(r"^(Max .+?) {2,}(\w+)", decoder["limits"], re.MULTILINE))
        assert limits["Max file size"] == "0"
        assert limits["Max core file size"] == "0"
        assert limits["Max data size"] != "unlimited"
        assert int(limits["Max open files"]) <= 64


def test_a_lane_that_is_killed_is_replaced(gateway: SingleGateway) -> None:
    lanes = {it["pid"] for it in gateway.processes("maoocr.pool.worker")}
    assert lanes
    gateway.inside("python", "-c", f"import os; [os.kill(pid, 9) for pid in {sorted(lanes)}]")
    wait_for(lambda: len(gateway.processes("maoocr.pool.worker")) == len(lanes), seconds=60)
    assert lanes.isdisjoint(it["pid"] for it in gateway.processes("maoocr.pool.worker"))
    assert "MAO TEA HOUSE" in gateway.recognize("receipt.jpg")["text"]
    assert gateway.health == "healthy"


def test_a_reload_loses_no_request(engine: Engine, gateway: SingleGateway, documents: Path) -> None:
    before = gateway.workers()
    failed: list[str] = []
    answered: list[str] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            picture = next_picture()
            (documents / f"{picture.number}.png").write_bytes(picture.data)
            try:
                text = gateway.recognize(f"{picture.number}.png")["text"]
            except RuntimeError as error:
                failed.append(str(error))
            else:
                (answered if picture.is_read_in(text) else failed).append(text)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: len(answered) + len(failed) >= 1, seconds=120)
    engine("kill", "--signal", "HUP", gateway.name)
    wait_for(lambda: bool(now := gateway.workers()) and now.isdisjoint(before), seconds=120)
    already = len(answered)
    wait_for(lambda: len(answered) + len(failed) > already + 1, seconds=120)
    is_over.set()
    asking.join()
    assert failed == []
    assert engine("inspect", "-f", "{{.RestartCount}}", gateway.name).strip() == "0"


def test_it_stops_in_order(engine: Engine, gateway: SingleGateway) -> None:
    started = time.monotonic()
    engine("stop", "--time", "60", gateway.name)
    seconds = time.monotonic() - started
    state = json.loads(engine("inspect", "-f", "{{json .State}}", gateway.name))
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert seconds < STOP_S
    assert "Application shutdown complete" in gateway.log()
