"""A request that needs the model goes the whole way: Nginx, gateway, vLLM, and back.

`./docker-start.sh` starts all of it with the profile `vlm`, the real vLLM among it.
"""

import base64
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.deploy.engine import Engine, Images
from tests.deploy.front import until
from tests.deploy.load import Answer, Load
from tests.deploy.stack import Stack
from tests.deploy.vllm_site import LINES, MODEL, START_S, page
from tests.deploy.vllm_stack import (
    ASK_S,
    Page,
    deployed_with_vllm,
    needs_vllm,
    read_by,
    state_of_vlm,
    vllm_of,
)
from tests.vllm_checkpoint import SCRIPTS

pytestmark = needs_vllm

ANSWERS = 3
DEAD_S = 30.0
"""For an answer while it is away, on a machine that is busy."""
NEEDS_IT = {"document_type": "formula", "accuracy_requirement": "high"}
REACH = """
import socket, sys
for address in sys.argv[1:]:
    try:
        socket.create_connection((address, 8000), timeout=3)
        print(address, "reached")
    except OSError as error:
        print(address, "refused", error)
"""


@pytest.fixture(scope="module")
def chain(
    engine: Engine,
    images: Images,
    gateway_image: str,
    module_prefix: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The deployment with vLLM, as soon as that is healthy."""
    images.all()
    folder = tmp_path_factory.mktemp("chain")
    stack = Stack(engine, folder, module_prefix)
    with deployed_with_vllm(stack, gateway_image, folder, *stack.without_watchers) as chain:
        yield chain


def engines_of(answer: dict[str, Any]) -> list[str]:
    return [page["engine"] for page in answer["pages"]]


@pytest.fixture
def client(chain: Stack) -> Iterator[httpx.Client]:
    with chain.client(ASK_S) as client:
        yield client


def test_the_weights_came_by_the_service_models(chain: Stack) -> None:
    said = chain.compose("logs", "--no-log-prefix", "models")
    assert f"{MODEL}: 8 files fetched at commit" in said
    assert "vLLM loads its model" in chain.said
    (told,) = json.loads(chain.engine("inspect", vllm_of(chain).id))
    assert told["Config"]["User"] == "2000"
    mounted = {mount["Destination"]: mount["RW"] for mount in told["Mounts"]}
    assert mounted["/models"] is False


def test_an_engine_that_is_named_reads(client: httpx.Client) -> None:
    answer = read_by(client, "recognize", engine="vlm")
    assert answer["selected_models"] == ["vlm"]
    assert engines_of(answer) == ["vlm"]
    assert str(answer["text"]).split("\n") == LINES


def test_who_asks_for_what_only_the_model_can_gets_it(client: httpx.Client) -> None:
    answer = read_by(client, "recognize-with-requirements", requirements=json.dumps(NEEDS_IT))
    assert answer["selection"]["engine"] == "vlm", answer["selection"]
    assert engines_of(answer) == ["vlm"], answer
    assert "vlm reads formulas" in " ".join(answer["selection"]["reasons"])
    assert str(answer["text"]).split("\n") == LINES
    kept = client.get(f"/api/ocr/history/{answer['history_id']}").json()
    assert kept["text"] == answer["text"]


def test_who_does_not_is_read_by_the_default(client: httpx.Client) -> None:
    assert engines_of(read_by(client, "recognize")) == ["ppocr"]


def test_an_openai_client_hears_it_piece_by_piece(chain: Stack) -> None:
    shown = f"data:image/png;base64,{base64.b64encode(page()).decode()}"
    messages: Any = [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": shown}},
                {"type": "text", "text": "OCR:"},
            ],
        }
    ]
    http = openai.DefaultHttpxClient(verify=chain.trust(), timeout=ASK_S)
    with openai.OpenAI(base_url=f"{chain.url}/v1", api_key=chain.key, http_client=http) as caller:
        assert [model.id for model in caller.models.list()] == ["vlm", MODEL]
        stream = caller.chat.completions.create(
            model="vlm",
            messages=messages,
            max_tokens=200,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == SCRIPTS["OCR:"]
    assert sum(bool(piece) for piece in pieces) > 3, pieces
    (usage,) = [chunk.usage for chunk in chunks if chunk.usage]
    assert usage.completion_tokens >= sum(bool(piece) for piece in pieces)


def test_v1_is_closed_without_a_key(client: httpx.Client) -> None:
    del client.headers["Authorization"]
    for path in ("/v1/models", "/v1/chat/completions"):
        assert client.request("POST" if "chat" in path else "GET", path).status_code == 401
    for path in ("/tokenize", "/metrics", "/sleep", "/server_info", "/v1/completions"):
        assert client.post(path, json={}).status_code in {401, 404}, path


def test_it_is_reached_from_the_gateway_and_from_nowhere_else(
    chain: Stack, gateway_image: str
) -> None:
    (told,) = json.loads(chain.engine("inspect", vllm_of(chain).id))
    assert not told["HostConfig"]["PortBindings"]
    assert not any(told["NetworkSettings"]["Ports"].values())
    networks = told["NetworkSettings"]["Networks"]
    inference, watched = (f"{chain.project}_{name}" for name in ("inference", "watch-vllm"))
    assert set(networks) == {inference, watched}
    addresses = ["vllm", *(network["IPAddress"] for network in networks.values())]

    (gateway,) = chain.containers("gateway")
    reached = ("vllm", networks[inference]["IPAddress"])
    said = chain.inside(gateway, "python", "-c", REACH, *reached).stdout
    assert said.count("reached") == len(reached), said
    for network in ("web", "data", "front", "outside", "watch"):
        said = chain.engine(
            *("run", "--rm", "--network", f"{chain.project}_{network}"),
            *(gateway_image, "python", "-c", REACH, *addresses),
        )
        assert said.count("refused") == len(addresses), (network, said)


def test_its_death_is_bridged_and_it_comes_back_by_itself(chain: Stack) -> None:
    """Last of all: for a while there is no model."""
    victim = vllm_of(chain)
    restarts = chain.restarts(victim)
    with Load(chain, callers=2, pictures=Page, engine="vlm") as load:
        load.wait_for_answers(ANSWERS)
        killed_at = time.monotonic()
        chain.kill(victim)
        chain.wait_until_restarted(victim, restarts + 1)
        load.wait_for_answers(ANSWERS)
    until(lambda: vllm_of(chain).is_well, START_S)
    heals_s = time.monotonic() - killed_at
    until(lambda: state_of_vlm(chain) == "ready", ASK_S)
    with chain.client(ASK_S) as client:
        assert engines_of(read_by(client, "recognize", engine="vlm")) == ["vlm"]

    assert load.outcomes == f"{len(load.read)} x 200"
    load.assert_nobody_got_anothers_text()
    assert [answer for answer in load.answers if not is_honest(answer)] == []
    away = [answer for answer in load.answers if answer.ended > killed_at]
    assert engines_of(load.answers[0].body) == ["vlm"]
    assert any(engines_of(answer.body) == ["ppocr"] for answer in away)
    longest = max(answer.ended - answer.began for answer in away)
    assert longest < DEAD_S, "Who asks for a server that is known to be away does not wait for it."
    sys.stdout.write(
        f"\nvLLM killed: healthy after {heals_s:.0f} s; {len(away)} answers meanwhile,"
        f" the longest in {longest:.1f} s\n"
    )


def is_honest(answer: Answer) -> bool:
    """The model's own text says that it is, and what the fallback read is marked as its text."""
    (read,) = answer.body["pages"]
    if read["engine"] == "vlm":
        return str(answer.body["text"]).split("\n") == LINES
    return read["engine"] == "ppocr" and "fallback" in read["flags"]
