"""Brings the tables up with Alembic, in a process of its own.

Of its own because it is needed for a second and its libraries would stay in memory for good.
"""

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL

__all__ = ["head", "migrations_folder", "upgrade"]

UPGRADE_S = 3600.0

_UNREACHABLE = 3


def migrations_folder() -> Path:
    """In an installed package inside it, in a checkout at its top."""
    here = Path(__file__).resolve()
    inside = here.parents[1] / "migrations"
    return inside if inside.is_dir() else here.parents[3] / "migrations"


def head() -> str:
    """The newest revision: the number of the last file."""
    names = [path.name for path in (migrations_folder() / "versions").glob("[0-9]*_*.py")]
    return max(names).partition("_")[0]


def upgrade(url: URL, revision: str = "head") -> None:
    """Bring the tables to a revision; where another process is at it, wait until it is done.

    Raises:
        OSError: the database cannot be reached.
        RuntimeError: the tables cannot be brought up; it tells why.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, revision],
        input=url.render_as_string(hide_password=False),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=UPGRADE_S,
        check=False,
    )
    if done.returncode == _UNREACHABLE:
        raise OSError(done.stderr.strip().rpartition("\n")[2])
    if done.returncode:
        raise RuntimeError(done.stderr)


def _main() -> None:
    from alembic import command
    from alembic.config import Config

    from .connecting import told

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["url"] = sys.stdin.read().strip()
    try:
        command.upgrade(config, sys.argv[1])
    except Exception as error:
        meant = told(error)
        if meant is None:
            raise
        sys.stderr.write(f"{meant.message}\n")
        sys.exit(_UNREACHABLE)


if __name__ == "__main__":
    _main()
