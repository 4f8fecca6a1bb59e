from typing import Any

import pytest

from maoocr.errors import InvalidRequest
from maoocr.service.openai_request import DROPPED, PASSED, ChatLimits, parse_chat

LIMITS = ChatLimits(max_tokens=100, max_choices=2)
PICTURE = "data:image/png;base64,AAAA"


def said(*parts: Any) -> dict[str, Any]:
    return {"model": "vlm", "messages": [{"role": "user", "content": list(parts)}]}


def picture(url: Any = PICTURE, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}, **more}


TEXT = {"type": "text", "text": "OCR:"}
PLAIN = said(TEXT)


def test_what_is_passed_on_is_what_was_asked() -> None:
    given = {
        "temperature": 0.5,
        "top_p": 1,
        "n": 2,
        "max_completion_tokens": 100,
        "stop": ["END"],
        "seed": 1,
        "logprobs": True,
        "top_logprobs": 20,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }
    body = said(TEXT, picture(), picture()) | given
    call = parse_chat(body | {"stream": False, "user": "me", "seed": 1, "top_k": None}, LIMITS)
    assert call.fields == given | {"messages": body["messages"]}
    assert (call.model, call.is_stream, call.tells_usage, call.pictures) == ("vlm", False, False, 2)


def test_every_parameter_of_the_client_is_passed_on_dropped_or_refused_by_name() -> None:
    refused = set()
    for name in PARAMETERS - PASSED - DROPPED - {"model", "stream", "stream_options"}:
        with pytest.raises(InvalidRequest, match=f"^{name}: this parameter is not passed on"):
            parse_chat(PLAIN | {name: {}}, LIMITS)
        refused.add(name)
    assert refused >= {"audio", "functions", "prediction", "web_search_options"}
    assert PASSED <= PARAMETERS
    assert DROPPED <= PARAMETERS


def _parameters() -> set[str]:
    from openai.types.chat import completion_create_params

    base = completion_create_params.CompletionCreateParamsBase
    return {*base.__annotations__, "stream"}


PARAMETERS = _parameters()


@pytest.mark.parametrize(
    "name",
    [
        "vllm_xargs", "mm_processor_kwargs", "chat_template", "chat_template_kwargs", "top_k",
        "guided_regex", "structured_outputs", "priority", "kv_transfer_params", "cache_salt",
        "add_generation_prompt", "documents", "logits_processors", "echo", "best_of", "request_id",
        "prompt_logprobs", "allowed_token_ids", "model_", "Messages", "__class__", "", "\0",
    ],
)  # fmt: skip
def test_what_is_not_of_openai_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="MAOOCR_VLM__V1_PARAMETERS"):
        parse_chat(PLAIN | {name: 1}, LIMITS)


def test_the_operator_may_add_parameters() -> None:
    limits = ChatLimits(100, 2, frozenset({"top_k"}))
    assert parse_chat(PLAIN | {"top_k": 5}, limits).fields["top_k"] == 5


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png", "https://example.org/a.png", "file:///etc/passwd", "ftp://a/b",
        "//example.org/a.png", "/etc/passwd", "data:text/html;base64,AAAA", "data:,x", "",
        " data:image/png;base64,AAAA", "DATA:image/png;base64,AAAA", "data:image/svg+xml,<svg/>",
        "data:image/png;x=1;base64,AAAA", "http://a/data:image/png;base64,AAAA",
    ],
)  # fmt: skip
def test_pictures_are_data(url: str) -> None:
    with pytest.raises(InvalidRequest, match="nothing is fetched on behalf of a caller"):
        parse_chat(said(picture(url)), LIMITS)


@pytest.mark.parametrize(
    "part",
    [
        "text", None, {}, {"type": "input_audio", "input_audio": {}}, {"text": "x"},
        {"type": "video_url", "video_url": {"url": PICTURE}}, {"image_url": {"url": PICTURE}},
        {"type": "image_url", "image_url": PICTURE}, picture(["data:"]), picture(uuid="another's"),
        {"type": "image_embeds", "image_embeds": "AAAA"}, {"type": "text", "text": ["x"]},
        {"type": ["text"], "text": "x"}, {"type": "text", "text": "x", "image_url": PICTURE},
        {"type": "image_url", "image_url": {"url": PICTURE, "headers": {}}},
        {"type": "file", "file": {"file_id": "x"}},
    ],
)  # fmt: skip
def test_parts_are_texts_and_pictures_and_nothing_more(part: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\[0\]\.content\[0\]"):
        parse_chat(said(part), LIMITS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_tokens": 101}, "^max_tokens: 101 is over the limit of 100 .MAOOCR_VLM__V1_MAX_TOK"),
        ({"max_completion_tokens": 10**30}, "^max_completion_tokens: "),
        ({"max_tokens": 0}, "^max_tokens: a whole number from 1"),
        ({"max_tokens": True}, "^max_tokens: "),
        ({"max_tokens": 5.5}, "^max_tokens: "),
        ({"n": 3}, "^n: 3 is over the limit of 2 .MAOOCR_VLM__V1_MAX_CHOICES"),
        ({"n": "2"}, "^n: "),
        ({"top_logprobs": -1}, "^top_logprobs: "),
        ({"top_logprobs": 21}, "^top_logprobs: "),
        ({"model": None}, "^model: "),
        ({"model": 5}, "^model: "),
        ({"stream": "yes"}, "^stream: "),
        ({"stream_options": {"continuous_usage_stats": True}}, "^stream_options: "),
        ({"stream_options": {"include_usage": 1}}, "^stream_options.include_usage: "),
        ({"messages": []}, "^messages: "),
        ({"messages": {}}, "^messages: "),
        ({"messages": ["x"]}, r"^messages\[0\]: "),
        ({"messages": [{"role": "function", "content": "x"}]}, r"^messages\[0\]: "),
        ({"messages": [{"role": ["user"], "content": "x"}]}, r"^messages\[0\]: "),
        ({"messages": [{"role": "user", "content": 1}]}, r"^messages\[0\].content: "),
        ({"messages": [{"role": "user", "content": "x", "audio": {}}]}, r"^messages\[0\]: the mem"),
        ({"tools": [{"type": "web_search"}]}, "^tools: "),
        ({"tools": {}}, "^tools: "),
        ({"response_format": {"type": "structural_tag"}}, "^response_format: "),
        ({"response_format": {"type": []}}, "^response_format: "),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_chat(PLAIN | change, LIMITS)


def test_what_is_too_deep_is_not_taken() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="nested more than 64 deep"):
        parse_chat(PLAIN | {"logit_bias": deep}, LIMITS)


def test_a_limit_is_put_in_where_there_is_none() -> None:
    assert parse_chat(PLAIN, LIMITS).with_limit(7)["max_tokens"] == 7
    for name in ("max_tokens", "max_completion_tokens"):
        call = parse_chat(PLAIN | {name: 5}, LIMITS)
        assert call.with_limit(7) == call.fields


def test_a_conversation_goes_on_as_it_was_answered() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "You read."},
        {"role": "user", "content": "x", "name": "someone"},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "audio": None,
            "tool_calls": [call],
        },
        {"role": "tool", "content": "y", "tool_call_id": "1"},
    ]
    assert parse_chat({"model": "vlm", "messages": messages}, LIMITS).pictures == 0
