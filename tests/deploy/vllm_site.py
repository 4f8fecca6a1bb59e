"""vLLM in its container, on networks like those of the deployment, with weights that recite."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from tests.deploy.engine import ROOT, Engine
from tests.deploy.front import until
from tests.vllm_checkpoint import SCRIPTS

__all__ = ["BASE", "KEY", "LINES", "MODEL", "START_S", "VllmSite", "base_image", "page"]

BASE = "vllm/vllm-openai:v0.32.0-cpu"
IMAGE = "maoocr/vllm:tests"
MODEL = "paddleocr-vl-1.6"
REPOSITORY = "PaddlePaddle/PaddleOCR-VL-1.6"
"""Of that model, as configs/models.yaml names it."""
LINES = [line for line in SCRIPTS["OCR:"].split("\n") if line]
"""What the weights recite."""
KEY = "sk-of-the-tests-0123456789"
START_S = 1800.0
"""A minute where nothing else runs."""
BUILD_S = 900.0
HARDENED = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/tmp:exec,mode=1777,size=1g"),
)
ON_A_PROCESSOR = {
    "VLLM_MAX_MODEL_LEN": "2048",
    "VLLM_EXTRA_ARGS": "--dtype float32 --enforce-eager --skip-mm-profiling --max-num-seqs 8",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}
POST = """
import http.client
edge = "x" * 20
part = f'--{edge}\\r\\nContent-Disposition: form-data; name='
body = f'{part}"engine"\\r\\n\\r\\nvlm\\r\\n{part}"image"; filename="page.png"\\r\\n\\r\\n'.encode()
body += open("/page.png", "rb").read() + f"\\r\\n--{edge}--\\r\\n".encode()
headers = {"Content-Type": f"multipart/form-data; boundary={edge}", "Cache-Control": "no-store"}
asked = http.client.HTTPConnection("127.0.0.1", 8000, timeout=280)
asked.request("POST", "/api/ocr/recognize", body, headers)
print(asked.getresponse().read().decode())
"""
ASK = """
import sys, urllib.request, urllib.error
try:
    asked = urllib.request.Request(sys.argv[1], headers=dict(a.split("=") for a in sys.argv[2:]))
    answer = urllib.request.urlopen(asked, timeout=30)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status)
print(dict(answer.headers))
print(answer.read().decode())
"""


def base_image(engine: Engine) -> None:
    """See to the image that stands in for the official one."""
    if not engine.has_image(BASE):
        built = subprocess.run(
            [ROOT / "tests/deploy/standins/vllm-cpu", BASE],
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stderr


def page(wider_by: int = 0) -> bytes:
    """A picture of what the weights recite, in one line."""
    image = Image.new("RGB", (1300 + wider_by, 120), "white")
    pen = ImageDraw.Draw(image)
    pen.text((30, 40), " ".join(LINES), "black", ImageFont.load_default(28))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class VllmSite:
    """Volumes, networks and containers whose names begin with one prefix."""

    def __init__(self, engine: Engine, prefix: str, gateway_image: str, folder: Path) -> None:
        """Name them; `folder` is for the files of the tests."""
        self._engine = engine
        self._prefix = prefix
        self._gateway_image = gateway_image
        self._folder = folder
        self.models = f"{prefix}-models"
        self.vllm = f"{prefix}-vllm"
        self.gateway = f"{prefix}-gateway"

    def build(self) -> None:
        """The image, from this checkout."""
        self._engine(
            *("build", "-f", "Dockerfile.vllm", "--build-arg", f"VLLM_BASE={BASE}"),
            *("-t", IMAGE, str(ROOT)),
            timeout_s=BUILD_S,
        )

    def hub(self, weights: Path, *manner: str) -> str:
        """Start a hub that has these weights; returns the name of its container."""
        name = f"{self._prefix}-hub-{''.join(manner) or 'whole'}"
        self._engine(
            *("run", "--detach", "--name", name, "--user", "0:0", "--network", "none"),
            "--no-healthcheck",
            *("-v", f"{ROOT / 'tests'}:/here/tests:ro", "-v", f"{weights}:/weights:ro"),
            *("-w", "/here", "-e", "PYTHONPATH=/here", self._gateway_image),
            *("python", "-m", "tests.deploy.hub", "/weights", REPOSITORY, *manner),
        )
        until(lambda: self.log(name).startswith("http"))
        return name

    def asked_of(self, hub: str) -> str:
        """End a hub; returns what it was asked for."""
        self._engine("stop", hub)
        return self.log(hub)

    def pull(self, hub: str) -> tuple[int, str]:
        """`maoocr models pull`, as the service `models` runs it: exit status and words."""
        url = self.log(hub).partition("\n")[0]
        return self.maoocr("models", "pull", MODEL, network=f"container:{hub}", hub=url)

    def maoocr(self, *words: str, network: str = "none", hub: str = "") -> tuple[int, str]:
        """A command of the service `models`: exit status and words."""
        environ = {"MAOOCR_MODELS__HUB_URL": hub, "HF_TOKEN": "", "HTTPS_PROXY": ""}
        done = self._engine.tried(
            *("run", "--rm", "--network", network, *HARDENED, *_variables(environ)),
            *("--tmpfs", "/var/lib/maoocr", "--tmpfs", "/var/spool/maoocr"),
            *("-v", f"{self.models}:/models", self._gateway_image, "maoocr", *words),
        )
        return done.returncode, done.stdout + done.stderr

    def run_once(self, *command: str, **environ: str) -> tuple[int, str]:
        """Run vLLM's image, or a Python command in it, over the weights: exit status and words."""
        entry = ("--entrypoint", "python3") if command else ()
        done = self._engine.tried(
            *("run", "--rm", "--network", "none", *HARDENED, *_variables(environ), *entry),
            *("-v", f"{self.models}:/models:ro", IMAGE, *command),
        )
        return done.returncode, done.stdout + done.stderr

    def start_vllm(self) -> None:
        """Start it on a network without a way out, with the key in a file."""
        key = self._folder / "vllm_api_key"
        key.write_text(KEY)
        self._folder.chmod(0o755)
        self._engine("network", "create", "--internal", f"{self._prefix}-inference")
        self._engine(
            *("run", "--detach", "--init", "--name", self.vllm, *HARDENED),
            *("--network", f"{self._prefix}-inference", "--network-alias", "vllm"),
            *("--shm-size", "1g", "-v", f"{self.models}:/models:ro"),
            *("-v", f"{key}:/run/secrets/vllm_api_key:ro"),
            *_variables(ON_A_PROCESSOR | {"VLLM_API_KEY_FILE": "/run/secrets/vllm_api_key"}),
            IMAGE,
        )

    def start_gateway(self, page: bytes) -> None:
        """Start a gateway that has nothing but this vLLM behind it."""
        picture = self._folder / "page.png"
        picture.write_bytes(page)
        self._engine(
            *("run", "--detach", "--name", self.gateway, *HARDENED),
            *("--network", f"{self._prefix}-inference", "-v", f"{picture}:/page.png:ro"),
            *("-v", f"{self._folder / 'vllm_api_key'}:/run/secrets/vllm_api_key:ro"),
            *_variables(
                {
                    "MAOOCR_VLM__URL": "http://vllm:8000",
                    "MAOOCR_VLM__MODEL": MODEL,
                    "MAOOCR_VLM__API_KEY_FILE": "/run/secrets/vllm_api_key",
                    "MAOOCR_VLM__FIRST_TOKEN_SECONDS": "120",
                    "MAOOCR_VLM__TOTAL_SECONDS": "240",
                    "MAOOCR_POOL__LANES": "1",
                    "MAOOCR_AUTH__ALLOW_OPEN": "true",
                }
            ),
            self._gateway_image,
        )

    def recognize(self) -> dict[str, Any]:
        """What the gateway answers about the page, which is to be read by vLLM."""
        found: dict[str, Any] = json.loads(self._engine("exec", self.gateway, "python", "-c", POST))
        return found

    def ask(self, path: str, *headers: str) -> str:
        """What vLLM answers to somebody on its network: status, headers and body, a line each."""
        url = f"http://vllm:8000{path}"
        return self._engine("exec", self.gateway, "python", "-c", ASK, url, *headers)

    def log(self, container: str) -> str:
        """All that a container has said."""
        done = self._engine.tried("logs", container)
        return done.stdout + done.stderr

    def health(self, container: str) -> str:
        """What Docker holds of its health; `exited` where it does not run any more."""
        form = "{{if .State.Running}}{{.State.Health.Status}}{{else}}exited{{end}}"
        return self._engine("inspect", "-f", form, container).strip()


def _variables(environ: dict[str, str]) -> list[str]:
    return [word for name, value in environ.items() for word in ("-e", f"{name}={value}")]
