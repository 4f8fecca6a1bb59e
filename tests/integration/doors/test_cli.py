"""`maoocr recognize` as a person runs it."""

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from .conftest import Start

pytestmark = pytest.mark.integration

NAMES = ["alpha", "beta", "delta", "epsilon", "gamma"]


def ended(process: "subprocess.Popen[bytes]", input: bytes | None = None) -> tuple[int, str, str]:
    out, err = process.communicate(input, timeout=60)
    return process.returncode, out.decode(), (err or b"").decode()


@pytest.fixture(params=["in this process", "on a server"])
def reader(request: pytest.FixtureRequest) -> list[str]:
    """Options that say who reads."""
    if request.param == "on a server":
        return ["--server", request.getfixturevalue("server")]
    return []


def test_one_file_is_its_text_and_nothing_else(
    start: Start, reader: list[str], pictures: Path
) -> None:
    assert ended(start("recognize", *reader, str(pictures / "alpha.png"))) == (0, "alpha\n", "")


def test_a_failed_file_says_why_while_the_others_go_on_in_order(
    start: Start, reader: list[str], pictures: Path
) -> None:
    files = [str(pictures / name) for name in ("gamma.png", "broken.png", "no.png", "alpha.png")]
    code, out, err = ended(start("recognize", *reader, "--json", *files))
    assert code == 1
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["file"] for line in lines] == files
    assert [line.get("text") for line in lines] == ["gamma", None, None, "alpha"]
    assert [line["error"]["code"] for line in lines if "error" in line] == [
        "unreadable_document",
        "not_found",
    ]
    broken, missing = err.splitlines()
    assert broken.startswith(f"{files[1]}: ")
    assert missing == f"{files[2]}: There is no such file."


def test_a_folder_is_written_to_a_folder(
    start: Start, reader: list[str], pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "out"
    options = ["--format", "alto", "--output", str(out)]
    code, printed, err = ended(start("recognize", *reader, *options, str(pictures)))
    assert (code, printed) == (1, "")
    assert err.startswith(str(pictures / "broken.png"))
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.png.xml" for name in NAMES]
    assert all(f'CONTENT="{n}"' in (out / f"{n}.png.xml").read_text() for n in NAMES)


def test_a_dash_reads_stdin(start: Start, reader: list[str], pictures: Path) -> None:
    process = start("recognize", *reader, "-", stdin=subprocess.PIPE)
    assert ended(process, (pictures / "beta.png").read_bytes()) == (0, "beta\n", "")


def test_options_reach_the_engine(start: Start, reader: list[str], pictures: Path) -> None:
    options = ["--words", "--json", "--language", "en", "--pages", "1"]
    code, out, _ = ended(start("recognize", *reader, *options, str(pictures / "alpha.png")))
    assert code == 0
    assert json.loads(out)["pages"][0]["lines"][0]["words"][0]["text"] == "alpha"
    wrong = ["--pdf-text", "perhaps"]
    code, out, err = ended(start("recognize", *reader, *wrong, str(pictures / "alpha.png")))
    assert (code, out) == (1, "")
    assert "pdf_text: 'perhaps' is not known. Known are auto, ocr, layer." in err


def test_a_server_that_is_not_there_is_one_sentence(start: Start, pictures: Path) -> None:
    files = [str(pictures / name) for name in ("alpha.png", "beta.png")]
    code, out, err = ended(start("recognize", "--server", "http://127.0.0.1:9", *files))
    assert (code, out) == (1, "")
    assert err.startswith("maoocr: The server at http://127.0.0.1:9 cannot be reached")
    assert err.count("\n") == 1


def test_a_reader_of_the_output_that_leaves_is_no_traceback(start: Start, pictures: Path) -> None:
    process = start("recognize", *[str(pictures / "alpha.png")] * 4)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(60) == 1


def test_a_bar_stands_on_a_terminal_and_not_in_the_output(start: Start, pictures: Path) -> None:
    master, terminal = pty.openpty()
    files = [str(pictures / f"{name}.png") for name in NAMES]
    process = start("recognize", "--json", *files, stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:
        pass  # The other end was closed: that is how a terminal ends.
    os.close(master)
    code, out, _ = ended(process)
    assert code == 0
    assert [json.loads(line)["text"] for line in out.splitlines()] == NAMES
    assert b"5/5" in shown


def test_ctrl_c_ends_it_with_130_and_leaves_no_lane(start: Start, pictures: Path) -> None:
    process = start("recognize", "--json", str(pictures / "alpha.png"), "-", stdin=subprocess.PIPE)
    assert process.stdout is not None
    # The first is read, and the second waits for bytes that do not come.
    assert json.loads(process.stdout.readline())["text"] == "alpha"
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert (code, out, err) == (130, "", "")
    gone, alive = psutil.wait_procs(children, timeout=30)
    assert (len(gone), alive) == (len(children), [])


def test_a_busy_port_is_a_sentence(start: Start, server: str) -> None:
    port = server.rpartition(":")[2]
    code, out, err = ended(start("serve", "--port", port))
    assert (code, out) == (1, "")
    assert err == f"maoocr: 127.0.0.1:{port} cannot be listened on: Address already in use.\n"
