"""What belongs to the project: the files that git knows or would take."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "maoocr"


@cache
def project_files() -> tuple[Path, ...]:
    """Every file of the checkout that is not ignored, as absolute paths."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


def python_sources() -> list[Path]:
    """The modules of the package."""
    return [p for p in project_files() if p.suffix == ".py" and p.is_relative_to(SOURCE)]


def module_parts(path: Path) -> tuple[str, ...]:
    """Where a module stands in the package: `("web", "body")`; `("web",)` for `web/__init__.py`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts
