"""How vLLM is called: what every family gets, what an operator changes, and where the key goes."""

from maoocr_vllm.command import environment_of, flags_of
from maoocr_vllm.wishes import OWN_NAMES, wishes_of


def flags(**environ: str) -> list[str]:
    return flags_of(wishes_of(environ))


def after(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


def test_the_folder_comes_first_and_the_served_name_is_the_models() -> None:
    words = flags(VLLM_MODEL="deepseek-ocr", MODEL_PATH="/weights")
    assert words[:3] == ["/weights/vlm/deepseek-ocr", "--served-model-name", "deepseek-ocr"]
    assert after(words, "--logits-processors").endswith("deepseek_ocr:NGramPerReqLogitsProcessor")


def test_nothing_of_a_document_is_kept_or_logged_and_nothing_is_fetched() -> None:
    words = flags()
    assert "--no-enable-log-requests" in words
    assert "--no-enable-prefix-caching" in words
    assert after(words, "--mm-processor-cache-gb") == "0"
    assert after(words, "--allowed-media-domains") == "none.invalid"
    environ = environment_of(wishes_of({}), {})
    assert environ["HF_HUB_OFFLINE"] == environ["VLLM_NO_USAGE_STATS"] == "1"
    assert environ["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] == "0"


def test_what_an_operator_does_not_name_is_left_to_vllm() -> None:
    words = flags()
    absent = {"--gpu-memory-utilization", "--max-num-queued-reqs", "--enable-sleep-mode"}
    assert absent.isdisjoint(words)
    assert after(words, "--max-model-len") == "16384"


def test_what_an_operator_names_is_handed_on() -> None:
    words = flags(
        GPU_MEMORY_UTILIZATION="0.8",
        VLLM_MAX_MODEL_LEN="4096",
        VLLM_MAX_QUEUED="64",
        VLLM_SHUTDOWN_SECONDS="10",
        VLLM_SERVED_NAME="reader",
    )
    assert after(words, "--gpu-memory-utilization") == "0.8"
    assert after(words, "--max-model-len") == "4096"
    assert after(words, "--max-num-queued-reqs") == "64"
    assert after(words, "--shutdown-timeout") == "10"
    assert after(words, "--served-model-name") == "reader"


def test_pictures_are_split_over_several_gpus_where_the_family_can() -> None:
    assert "--mm-encoder-tp-mode" not in flags(VLLM_MODEL="qwen3-vl-8b")
    words = flags(VLLM_MODEL="qwen3-vl-8b", TENSOR_PARALLEL_SIZE="2")
    assert after(words, "--mm-encoder-tp-mode") == "data"
    assert after(words, "--tensor-parallel-size") == "2"
    assert "--mm-encoder-tp-mode" not in flags(TENSOR_PARALLEL_SIZE="2")


def test_an_operators_own_flags_come_last_and_win() -> None:
    words = flags(VLLM_EXTRA_ARGS="--max-model-len 512 --dtype float32")
    assert words[-4:] == ["--max-model-len", "512", "--dtype", "float32"]


def test_the_key_is_in_the_environment_alone() -> None:
    wishes = wishes_of({"VLLM_API_KEY": "sk-1"})
    assert not any("sk-1" in word for word in flags_of(wishes))
    assert environment_of(wishes, {"VLLM_API_KEY": "sk-1"})["VLLM_API_KEY"] == "sk-1"
    assert "VLLM_API_KEY" not in environment_of(wishes_of({}), {"VLLM_API_KEY": " "})


def test_the_server_sees_none_of_our_variables_and_all_others() -> None:
    given = dict.fromkeys(OWN_NAMES, "") | {"CUDA_VISIBLE_DEVICES": "1", "OMP_NUM_THREADS": "4"}
    environ = environment_of(wishes_of({}), given)
    assert not set(OWN_NAMES) & set(environ)
    assert (environ["CUDA_VISIBLE_DEVICES"], environ["OMP_NUM_THREADS"]) == ("1", "4")
    assert environment_of(wishes_of({}), {})["OMP_NUM_THREADS"] == "1"


def test_sleep_is_a_flag_and_routes_that_are_off_otherwise() -> None:
    awake, asleep = wishes_of({}), wishes_of({"VLLM_SLEEP_MODE": "1"})
    assert "VLLM_SERVER_DEV_MODE" not in environment_of(awake, {})
    assert "--enable-sleep-mode" in flags_of(asleep)
    assert environment_of(asleep, {})["VLLM_SERVER_DEV_MODE"] == "1"
