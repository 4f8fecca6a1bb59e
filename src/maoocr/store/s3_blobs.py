"""Jobs' uploads in a bucket of Amazon S3, or of any server that speaks its protocol."""

import asyncio
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from ..documents.spool_folder import storage_errors
from ..errors import StoreUnavailable, UnreadableDocument
from .blobs import blob_key, checked

__all__ = ["S3Blobs"]

log = logging.getLogger("maoocr.jobs")

PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part, so that an upload holds little memory."""
PARTS_AT_ONCE = 4
CHUNK_BYTES = 1024 * 1024
CONNECT_S, SILENCE_S = 3.0, 30.0
RETRIES, RETRY_S = 2, 10.0
AGAIN_S = 5.0


class S3Blobs:
    """A `BlobStore` in a bucket; what is read from it is held against the hash in its key."""

    def __init__(
        self,
        url: str,
        *,
        endpoint: str = "",
        region: str = "",
        access_key_id: str = "",
        secret_access_key: str = "",
    ) -> None:
        """Take the address; nothing is asked of the bucket yet.

        Args:
            url: `s3://bucket` or `s3://bucket/prefix`.
            endpoint: of another server than Amazon's.
            region: of the bucket.
            access_key_id: with its secret; without, what the machine itself is given counts (the
                environment, a role).
            secret_access_key: of that key.
        """
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        given = {
            "endpoint": endpoint,
            "region": region,
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
        }
        config: Any = {name: value for name, value in given.items() if value}
        self._store = S3Store(
            bucket,
            prefix=prefix.strip("/") or None,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "read_timeout": timedelta(seconds=SILENCE_S),
                "timeout": timedelta(hours=1),
            },
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_S),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=1),
                    "base": 2,
                },
            },
            **config,
        )

    async def put(self, key: str, source: Path) -> None:
        """See `BlobStore.put`; the signature has the hash of what is sent, so that S3 checks it."""
        options: Any = {"chunk_size": PART_BYTES, "max_concurrency": PARTS_AT_ONCE}
        try:
            with _told():
                await obstore.put_async(self._store, blob_key(key), source, **options)
        except FileNotFoundError:
            if await asyncio.to_thread(source.exists):
                # What is there to be put can be missing only where its bucket is.
                raise _away("There is no such bucket") from None
            raise

    async def fetch(self, key: str, target: Path) -> None:
        """See `BlobStore.fetch`.

        Raises:
            UnreadableDocument: the bytes are not those that were put.
        """
        wanted = blob_key(key).partition("/")[2]
        seen = hashlib.sha256()
        try:
            with storage_errors(), _new(target) as file, _told():
                answer = await obstore.get_async(self._store, key)
                async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                    await asyncio.to_thread(_append, file, seen, chunk)
            if seen.hexdigest() != wanted:
                raise UnreadableDocument(
                    "What the blob store gave is not what was sent (MAOOCR_JOBS__BLOBS_URL)."
                )
        except BaseException:
            _drop(target)
            raise

    async def remove(self, group: str) -> None:
        """See `BlobStore.remove`."""
        try:
            with _told():
                found = await obstore.list(self._store, f"{checked(group)}/").collect_async()
                if found:
                    await obstore.delete_async(self._store, [blob["path"] for blob in found])
        except StoreUnavailable as error:
            log.warning("blobs stay for the sweeper", extra={"reason": error.message})

    async def groups(self) -> list[str]:
        """See `BlobStore.groups`."""
        with _told():
            found = await obstore.list_with_delimiter_async(self._store)
        return sorted(prefix for prefix in found["common_prefixes"] if _is_group(prefix))

    async def look(self) -> None:
        """See `BlobStore.look`."""
        with _told():
            await anext(aiter(obstore.list(self._store, "-/", chunk_size=1)), None)


@contextmanager
def _told() -> Iterator[None]:
    """Failures of the bucket as the error of the tree; that a blob is missing passes."""
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise _away("There is no such bucket") from error
        raise
    except (PermissionDeniedError, UnauthenticatedError) as error:
        log.warning("blob store refused", extra={"reason": str(error)[:500]})
        raise _away("The bucket does not take the key that it is given") from error
    except BaseError as error:
        # Its text names hosts, so it is for the log alone.
        log.warning("blob store failed", extra={"reason": str(error)[:500]})
        raise _away("The blob store cannot be reached") from error


def _away(what: str) -> StoreUnavailable:
    return StoreUnavailable(f"{what} (MAOOCR_JOBS__BLOBS_URL).", retry_after_s=AGAIN_S)


def _new(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _drop(path: Path) -> None:
    path.unlink(missing_ok=True)


def _append(file: IO[bytes], seen: Any, chunk: bytes) -> None:
    seen.update(chunk)
    file.write(chunk)


def _is_group(prefix: str) -> bool:
    """A neighbour in the bucket may be called anything; it is none of ours."""
    with suppress(ValueError):
        checked(prefix)
        return True
    return False
