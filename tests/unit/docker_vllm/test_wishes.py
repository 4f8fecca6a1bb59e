"""What the environment of vLLM's container asks for, and what it cannot mean."""

from pathlib import Path

import pytest

from maoocr_vllm.wishes import WrongSetting, wishes_of


def test_nothing_said_is_the_smallest_model_on_one_gpu() -> None:
    wishes = wishes_of({})
    assert wishes.folder == Path("/models/vlm/paddleocr-vl-1.6")
    assert wishes.served_name == wishes.pulled_name == "paddleocr-vl-1.6"
    assert wishes.family.name == "paddleocr-vl"
    assert (wishes.tensor_parallel, wishes.gpu_memory, wishes.context) == (1, "", "16384")
    assert (wishes.key, wishes.extra, wishes.can_sleep) == ("", (), False)


def test_an_empty_variable_is_as_good_as_none() -> None:
    names = [
        "MODEL_PATH",
        "VLLM_MODEL",
        "VLLM_SERVED_NAME",
        "VLLM_FAMILY",
        "TENSOR_PARALLEL_SIZE",
        "VLLM_API_KEY",
        "GPU_MEMORY_UTILIZATION",
        "VLLM_MAX_MODEL_LEN",
        "VLLM_MAX_QUEUED",
        "VLLM_SHUTDOWN_SECONDS",
        "VLLM_SLEEP_MODE",
        "VLLM_API_KEY_FILE",
        "VLLM_EXTRA_ARGS",
    ]
    assert wishes_of(dict.fromkeys(names, " ")) == wishes_of({})


def test_what_is_said_counts() -> None:
    wishes = wishes_of(
        {
            "MODEL_PATH": "/weights",
            "VLLM_MODEL": "qwen3-vl-8b",
            "VLLM_SERVED_NAME": "reader",
            "TENSOR_PARALLEL_SIZE": "2",
            "GPU_MEMORY_UTILIZATION": ".8",
            "VLLM_MAX_MODEL_LEN": "auto",
            "VLLM_MAX_QUEUED": "64",
            "VLLM_SHUTDOWN_SECONDS": "0",
            "VLLM_SLEEP_MODE": "TRUE",
            "VLLM_API_KEY": "sk-1",
            "VLLM_EXTRA_ARGS": "--dtype float32 --override '{\"a b\": 1}'",
        }
    )
    assert wishes.folder == Path("/weights/vlm/qwen3-vl-8b")
    assert (wishes.served_name, wishes.family.name) == ("reader", "qwen3-vl")
    assert (wishes.tensor_parallel, wishes.gpu_memory, wishes.context) == (2, ".8", "auto")
    assert (wishes.most_queued, wishes.shutdown_s, wishes.can_sleep) == ("64", 0, True)
    assert wishes.extra == ("--dtype", "float32", "--override", '{"a b": 1}')
    assert wishes.key == "sk-1"
    assert "sk-1" not in repr(wishes)


def test_a_folder_of_ones_own_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    wishes = wishes_of({"MODEL_PATH": str(tmp_path), "VLLM_MODEL": "mine"})
    assert (wishes.folder, wishes.pulled_name) == (tmp_path / "mine", "")
    wishes = wishes_of({"MODEL_PATH": str(tmp_path), "VLLM_MODEL": "team/qwen3-vl-ours"})
    assert (wishes.folder, wishes.pulled_name) == (tmp_path / "team/qwen3-vl-ours", "")
    assert (wishes.served_name, wishes.family.name) == ("qwen3-vl-ours", "qwen3-vl")


def test_what_was_pulled_goes_before_a_folder_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "both").mkdir()
    (tmp_path / "vlm/both").mkdir(parents=True)
    wishes = wishes_of({"MODEL_PATH": str(tmp_path), "VLLM_MODEL": "both"})
    assert wishes.folder == tmp_path / "vlm/both"


def test_a_pulled_model_may_be_named_by_its_folder() -> None:
    assert wishes_of({"VLLM_MODEL": "vlm/dots.ocr"}).pulled_name == "dots.ocr"


def test_a_family_can_be_named_for_weights_whose_name_tells_nothing() -> None:
    wishes = wishes_of({"VLLM_MODEL": "mine", "VLLM_FAMILY": "deepseek-ocr"})
    assert wishes.family.name == "deepseek-ocr"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VLLM_MODEL", "/etc"),
        ("VLLM_MODEL", "../x"),
        ("VLLM_MODEL", "a/../b"),
        ("VLLM_MODEL", "a//b"),
        ("VLLM_MODEL", "."),
        ("VLLM_SERVED_NAME", "two names"),
        ("VLLM_FAMILY", "cat"),
        ("TENSOR_PARALLEL_SIZE", "0"),
        ("TENSOR_PARALLEL_SIZE", "two"),
        ("TENSOR_PARALLEL_SIZE", "²"),
        ("GPU_MEMORY_UTILIZATION", "0"),
        ("GPU_MEMORY_UTILIZATION", "1.1"),
        ("GPU_MEMORY_UTILIZATION", "90%"),
        ("VLLM_MAX_MODEL_LEN", "-1"),
        ("VLLM_MAX_MODEL_LEN", "16k"),
        ("VLLM_MAX_QUEUED", "0"),
        ("VLLM_SHUTDOWN_SECONDS", "-5"),
        ("VLLM_SLEEP_MODE", "perhaps"),
        ("VLLM_API_KEY", "two keys"),
        ("VLLM_EXTRA_ARGS", "--dtype 'float32"),
    ],
)
def test_what_cannot_be_meant_is_told_by_name_and_value(name: str, value: str) -> None:
    with pytest.raises(WrongSetting, match=rf"^{name} .*\.$") as wrong:
        wishes_of({name: value})
    assert value in str(wrong.value) or name in {"VLLM_API_KEY", "VLLM_EXTRA_ARGS"}


@pytest.mark.parametrize("words", ["--api-key sk-1", "--api-key=sk-1", "--api_key sk-1"])
def test_the_key_is_kept_out_of_the_command_line(words: str) -> None:
    with pytest.raises(WrongSetting, match="VLLM_API_KEY_FILE") as wrong:
        wishes_of({"VLLM_EXTRA_ARGS": words})
    assert "sk-1" not in str(wrong.value)


def test_the_key_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-2\n")
    environ = {"VLLM_API_KEY_FILE": str(file), "VLLM_API_KEY": "sk-1"}
    assert wishes_of(environ).key == "sk-2"
    file.write_text("")
    with pytest.raises(WrongSetting, match="is empty"):
        wishes_of(environ)
    file.write_text("two\nlines")
    with pytest.raises(WrongSetting, match="one key") as wrong:
        wishes_of(environ)
    assert "lines" not in str(wrong.value)
    file.write_bytes(b"\xff")
    with pytest.raises(WrongSetting, match="it is no text"):
        wishes_of(environ)
    file.unlink()
    with pytest.raises(WrongSetting, match="cannot be read: No such file"):
        wishes_of(environ)
