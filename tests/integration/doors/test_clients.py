import asyncio
import json
from pathlib import Path

import httpx
import pytest

from maoocr import AsyncClient, Client
from maoocr.errors import InvalidRequest, Refused, UnknownEngine, UnreadableDocument

pytestmark = pytest.mark.integration


@pytest.fixture
def client(server: str) -> Client:
    # A server that has just been started may answer 503 until its lane is ready.
    return Client(server, retries=8)


def test_a_path_the_bytes_and_a_file_read_the_same(client: Client, pictures: Path) -> None:
    path = pictures / "alpha.png"
    with client, path.open("rb") as file:
        assert client.recognize(path).text == "alpha"
        assert client.recognize(path.read_bytes()).text == "alpha"
        assert client.recognize(file).text == "alpha"


def test_a_reply_tells_what_the_servers_answer_tells(client: Client, pictures: Path) -> None:
    path = pictures / "beta.png"
    with client:
        reply = client.recognize(path, words=True)
    assert (reply.text, reply.confidence, reply.selected_models) == ("beta", 1.0, ("fake",))
    assert (reply.pages_total, reply.pages_done) == (1, 1)
    assert reply.pages[0].lines[0].words is not None
    assert reply.processing_time > 0
    assert reply.timings.total_s == reply.processing_time
    assert reply.selection.engine == "fake"
    assert reply.selection.reasons
    assert reply.request_id
    assert len(reply.history_id or "") == 26


def test_requirements_reach_the_selector(client: Client, pictures: Path) -> None:
    with client:
        reply = client.recognize_with_requirements(
            pictures / "alpha.png", {"accuracy_requirement": "high", "real_time": False}
        )
        assert reply.text == "alpha"
        with pytest.raises(InvalidRequest, match="Known are low, medium, high"):
            client.recognize_with_requirements(
                pictures / "alpha.png", {"accuracy_requirement": "best"}
            )


def test_errors_arrive_as_their_classes(client: Client, pictures: Path) -> None:
    with client:
        with pytest.raises(UnreadableDocument) as caught:
            client.recognize(pictures / "broken.png")
        assert caught.value.request_id
        with pytest.raises(UnknownEngine):
            client.recognize(pictures / "alpha.png", engine="nobody")
        with pytest.raises(InvalidRequest, match="dpi"):
            client.recognize(pictures / "alpha.png", dpi=1)


def test_engines_options_and_health(client: Client) -> None:
    with client:
        assert [engine["name"] for engine in client.engines()["engines"]] == ["fake"]
        assert {"language", "words", "pages", "dpi"} <= {
            option["name"] for option in client.options()["options"]
        }
        assert client.health()["status"] in {"ok", "degraded"}


async def test_many_at_once_each_get_their_own(server: str, pictures: Path) -> None:
    names = ["alpha", "beta", "gamma", "delta", "epsilon"] * 4
    async with AsyncClient(server, retries=8) as client:
        replies = await asyncio.gather(
            *(client.recognize(pictures / f"{name}.png") for name in names)
        )
    assert [reply.text for reply in replies] == names


def test_a_server_that_is_not_there_is_a_sentence(pictures: Path) -> None:
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(Refused, match=r"http://127\.0\.0\.1:9 cannot be reached"),
    ):
        client.recognize(pictures / "alpha.png")


def test_the_servers_json_is_what_the_formats_write(
    server: str, client: Client, pictures: Path
) -> None:
    path = pictures / "gamma.png"
    with client:
        client.recognize(path)
    with path.open("rb") as file:
        answer = httpx.post(f"{server}/api/ocr/recognize", files={"image": file}).json()
    from maoocr.client.reply import reply_from_json
    from maoocr.exports import result_object

    reply = reply_from_json(json.dumps(answer).encode())
    assert answer == {
        **json.loads(json.dumps(result_object(reply.result))),
        "request_id": reply.request_id,
        "history_id": answer["history_id"],
    }
