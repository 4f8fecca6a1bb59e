"""The whole deployment with the real vLLM, started by `./docker-start.sh` with the profile `vlm`.

vLLM is built for processors; its weights, which recite, come to the volume by the service `models`,
out of a hub that stands beside it.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.front import until
from tests.deploy.pictures import Picture
from tests.deploy.stack import Container, Stack
from tests.deploy.vllm_site import BASE, START_S, VllmSite, base_image, page
from tests.vllm_server import checkpoint, vllm_python

__all__ = [
    "ASK_S",
    "Page",
    "deployed_with_vllm",
    "needs_vllm",
    "read_by",
    "state_of_vlm",
    "vllm_of",
]

PYTHON = vllm_python()
needs_vllm = pytest.mark.skipif(
    PYTHON is None, reason="no vLLM here to put into an image: scripts/vllm-cpu installs one"
)

SETTINGS = """
MAOOCR_POOL__LANES=1
MAOOCR_VLM__FIRST_TOKEN_SECONDS=120
MAOOCR_VLM__TOTAL_SECONDS=240
VLLM_MAX_MODEL_LEN=2048
VLLM_CPU_KVCACHE_SPACE=1
VLLM_EXTRA_ARGS=--dtype float32 --enforce-eager --skip-mm-profiling --max-num-seqs 8
"""
"""Lines of `.env`: patience with a small machine, and flags that make vLLM start sooner there."""
OVERRIDE = """
services:
  models:
    networks: !reset null
    network_mode: container:{hub}
"""
ASK_S = 280.0
"""For one answer of the model."""

_numbered = itertools.count(1)


class Page(Picture):
    """What the model recites, as a picture with bytes of its own."""

    def __init__(self) -> None:
        self.number = next(_numbered)
        self.data = page(wider_by=self.number)

    def is_read_in(self, text: str) -> bool:
        """Whether a text is that of this picture."""
        return "quick brown fox" in text


@contextmanager
def deployed_with_vllm(
    stack: Stack,
    gateway_image: str,
    folder: Path,
    *options: str,
    settings: str = "",
    override: str = "",
) -> Iterator[Stack]:
    """The deployment as soon as vLLM is healthy and the gateway knows it; gone afterwards.

    Args:
        stack: not yet started.
        gateway_image: of which the hub is made.
        folder: of the stack.
        options: of `docker-start.sh`.
        settings: more lines of `.env`.
        override: more services of `docker-compose.override.yml`.
    """
    assert PYTHON is not None
    base_image(stack.engine)
    site = VllmSite(stack.engine, stack.project, gateway_image, folder)
    hub = site.hub(checkpoint(PYTHON))
    (folder / "docker-compose.override.yml").write_text(OVERRIDE.format(hub=hub) + override)
    (folder / ".env").write_text((folder / ".env.example").read_text() + SETTINGS + settings)
    image = f"maoocr/vllm:{stack.project}"
    stack.environment |= {
        "PROCESSOR": "cpu",
        "COMPOSE_PROFILES": "vlm",
        "VLLM_CPU_BASE": BASE,
        "VLLM_IMAGE": image,
        "MAOOCR_MODELS__HUB_URL": site.log(hub).partition("\n")[0],
    }
    try:
        stack.said = stack.start(*options)
        until(lambda: vllm_of(stack).is_well, START_S)
        until(lambda: state_of_vlm(stack) == "ready", ASK_S)
        yield stack
    finally:
        stack.remove()
        stack.engine.tried("image", "rm", image)


def vllm_of(stack: Stack) -> Container:
    """Its container."""
    (container,) = stack.containers("vllm")
    return container


def state_of_vlm(stack: Stack) -> str:
    """Of the engine, as callers are told it."""
    with stack.client() as client:
        engines = client.get("/api/ocr/engines").json()["engines"]
    return str(next(found["state"] for found in engines if found["name"] == "vlm"))


def read_by(client: httpx.Client, path: str, **fields: str) -> dict[str, Any]:
    """The answer about a new picture."""
    files = {"image": ("page.png", Page().data, "image/png")}
    answer = client.post(f"/api/ocr/{path}", files=files, data=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
