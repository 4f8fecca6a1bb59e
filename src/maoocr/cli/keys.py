"""`maoocr keys`: make, list and revoke API keys, in the database itself.

No server is needed, and one that runs takes notice within seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import typer

from ..errors import StoreUnavailable
from ..service.callers import SCOPES
from ..service.keys import MOST_NUMBER, Keys
from ..service.ports import ApiKeyRows
from ..settings import Settings
from ..store.records import ApiKey
from .sentences import load_settings, tell

__all__ = ["keys", "were_keys_made"]

keys = typer.Typer(
    help="Make, list and revoke API keys (DATABASE_URL, or the file in MAOOCR_STATE_DIR).",
    no_args_is_help=True,
    add_completion=False,
)

DATABASE_S = 30.0

T = TypeVar("T")


@keys.command("create", no_args_is_help=True)
def create_key(
    name: Annotated[str, typer.Argument(help="For people; need not be unique.")],
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help=f"One of {', '.join(SCOPES)}; may be given again. All but admin if left out.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_NUMBER, help="Most requests in a minute.", show_default=False),
    ] = None,
    pages: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_NUMBER, help="Most pages in a month.", show_default=False),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=36_500, help="Days until it ends by itself.", show_default=False),
    ] = None,
) -> None:
    """Make a key, and print its secret: it is shown once."""
    end = None if days is None else datetime.now(UTC) + timedelta(days=days)

    async def create(holder: Keys) -> tuple[ApiKey, str]:
        limits = {"rate_per_minute": rate, "pages_per_month": pages}
        return await holder.create(name, scopes or [], **limits, expires_at=end)

    key, secret = _run(create)
    tell(f"The key {key.name!r} ({key.id}) may: {', '.join(sorted(key.scopes))}.")
    tell("It is shown only now, so keep it safe:")
    typer.echo(secret)


@keys.command("list")
def list_keys() -> None:
    """List every key that was ever made, the newest first."""
    now = datetime.now(UTC)
    for key in _run(Keys.all):
        typer.echo("  ".join(_columns(key, now)))


@keys.command("revoke", no_args_is_help=True)
def revoke_keys(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As `keys list` has them.")],
) -> None:
    """Revoke keys for good; servers that run refuse them after some seconds."""
    for key_id in ids:

        async def revoke(holder: Keys, key_id: str = key_id) -> ApiKey:
            return await holder.revoke(key_id.strip().upper())

        key = _run(revoke)
        tell(f"The key {key.name!r} ({key.id}) is revoked.")


def were_keys_made(settings: Settings) -> bool | None:
    """Whether any key was ever made; None when the database cannot tell now."""
    try:
        return asyncio.run(_with_rows(settings, lambda rows: rows.were_made()))
    except StoreUnavailable:
        return None


def _run(work: Callable[[Keys], Awaitable[T]]) -> T:
    async def with_keys(rows: ApiKeyRows) -> T:
        return await work(Keys(rows))

    return asyncio.run(_with_rows(load_settings(), with_keys))


async def _with_rows(settings: Settings, work: Callable[[ApiKeyRows], Awaitable[T]]) -> T:
    # Imported here: the other commands must not wait for a database's libraries.
    from ..store.connecting import database_url
    from ..store.database import Database
    from ..store.keys import KeyRows

    database = Database(database_url(settings.database_url, settings.state_dir))
    database.start()
    try:
        try:
            async with asyncio.timeout(DATABASE_S):
                await database.wait_ready()
        except TimeoutError:
            raise StoreUnavailable(f"The database is away: {database.failure}") from None
        return await work(KeyRows(database))
    finally:
        await database.close()


def _columns(key: ApiKey, now: datetime) -> tuple[str, ...]:
    limits = (
        f"{key.rate_per_minute or '-'}/min",
        f"{key.pages_per_month or '-'} pages/month",
    )
    state = "good" if key.is_good(now) else "revoked" if key.revoked_at else "expired"
    used = f"{key.last_used_at:%Y-%m-%d}" if key.last_used_at else "never"
    return (
        key.id,
        f"{state:<7}",
        f"made {key.created_at:%Y-%m-%d}",
        f"used {used:<10}",
        f"{limits[0]:>8}",
        f"{limits[1]:>18}",
        f"{','.join(sorted(key.scopes)):<31}",
        key.name,
    )
