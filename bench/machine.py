"""What a figure was measured on."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from maoocr import __version__

__all__ = ["ROOT", "machine", "versions"]

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

_PACKAGES = (
    "openvino",
    "onnxruntime",
    "rapidocr",
    "opencv-python-headless",
    "numpy",
    "pillow",
    "pypdfium2",
    "fastapi",
    "uvicorn",
    "uvloop",
)
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx512_vnni", "avx_vnni", "amx_int8")


def machine() -> dict[str, str]:
    """The processor, its cores and what it can multiply, the memory, the system."""
    model, flags = _cpu()
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model,
        "flags": " ".join(flag for flag in _FLAGS if flag in flags),
        "cores": str(cores),
        "memory": f"{memory / 2**30:.1f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def versions() -> dict[str, str]:
    """Python, the commit of the checkout, and the packages that matter."""
    found = {"python": platform.python_version(), "maoocr": __version__, "commit": _commit()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> tuple[str, set[str]]:
    model, flags = platform.machine(), set[str]()
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            model = value.strip()
        elif name.strip() in {"flags", "Features"}:
            flags = set(value.split())
            break
    return model, flags


def _commit() -> str:
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()
