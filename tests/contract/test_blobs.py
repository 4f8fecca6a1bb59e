"""What a blob store owes jobs, in a folder and in a bucket of a real S3 server."""

import hashlib
import os
import uuid
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from maoocr.errors import StoreUnavailable, UnreadableDocument
from maoocr.store.blobs import BlobStore, FolderBlobs
from maoocr.store.s3_blobs import PART_BYTES, S3Blobs
from tests.servers import S3Server, free_port

pytestmark = pytest.mark.integration

SETTING = "MAOOCR_JOBS__BLOBS_URL"


def bucket(server: S3Server, prefix: str, port: int | None = None, name: str = "") -> S3Blobs:
    return S3Blobs(
        f"s3://{name or server.bucket}/{prefix}",
        endpoint=f"http://127.0.0.1:{port or server.port}",
        region="us-east-1",
        access_key_id="key",
        secret_access_key="secret",
    )


def raw(server: S3Server) -> S3Store:
    """The bucket as others see it."""
    return S3Store(
        server.bucket,
        endpoint=server.endpoint,
        region="us-east-1",
        access_key_id="key",
        secret_access_key="secret",
        client_options={"allow_http": True},
    )


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """An empty store of each kind."""
    if request.param == "folder":
        return FolderBlobs(tmp_path / "blobs")
    server: S3Server = request.getfixturevalue("s3_server")
    return bucket(server, uuid.uuid4().hex)


def document(folder: Path, data: bytes = b"bytes") -> tuple[Path, str]:
    """A file and its name in a store."""
    path = folder / f"document-{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 2 * PART_BYTES + 7])
async def test_what_is_put_can_be_fetched_after_its_source_is_gone(
    blobs: BlobStore, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    source, name = document(tmp_path, data)
    await blobs.put(f"01A/{name}", source)
    source.unlink()
    target = tmp_path / "fetched"
    await blobs.fetch(f"01A/{name}", target)
    assert target.read_bytes() == data
    assert target.stat().st_mode & 0o077 == 0 or isinstance(blobs, FolderBlobs)


async def test_putting_twice_is_putting_once(blobs: BlobStore, tmp_path: Path) -> None:
    source, name = document(tmp_path)
    await blobs.put(f"01A/{name}", source)
    await blobs.put(f"01A/{name}", source)
    await blobs.fetch(f"01A/{name}", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"bytes"


async def test_a_removed_group_is_gone_and_its_neighbour_stays(
    blobs: BlobStore, tmp_path: Path
) -> None:
    source, name = document(tmp_path)
    other, other_name = document(tmp_path, b"other")
    assert await blobs.groups() == []
    for group in ("01A", "01AB"):
        await blobs.put(f"{group}/{name}", source)
        await blobs.put(f"{group}/{other_name}", other)
    assert await blobs.groups() == ["01A", "01AB"]
    await blobs.remove("01A")
    await blobs.remove("01A")
    assert await blobs.groups() == ["01AB"]
    with pytest.raises(FileNotFoundError):
        await blobs.fetch(f"01A/{name}", tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
    await blobs.fetch(f"01AB/{name}", tmp_path / "there")


async def test_a_store_that_is_there_can_be_looked_at_empty_or_not(
    blobs: BlobStore, tmp_path: Path
) -> None:
    await blobs.look()
    source, name = document(tmp_path)
    await blobs.put(f"01A/{name}", source)
    await blobs.look()


async def test_a_source_that_is_not_there_is_not_put(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await blobs.put("01A/abc", tmp_path / "none")


@pytest.mark.parametrize("key", ["../x", "a/../../x", "a", "/a", "a/b/c"])
async def test_a_key_leads_nowhere_else(blobs: BlobStore, tmp_path: Path, key: str) -> None:
    source, _ = document(tmp_path)
    with pytest.raises(ValueError, match="key"):
        await blobs.put(key, source)
    with pytest.raises(ValueError, match="key"):
        await blobs.fetch(key, tmp_path / "fetched")


@pytest.mark.parametrize("group", ["", "..", "a/b", "/"])
async def test_only_a_group_is_removed(blobs: BlobStore, group: str) -> None:
    with pytest.raises(ValueError, match="key"):
        await blobs.remove(group)


async def test_a_bucket_that_is_away_is_told_with_its_setting(
    s3_server: S3Server, tmp_path: Path
) -> None:
    source, name = document(tmp_path)
    for away in (bucket(s3_server, "", free_port()), bucket(s3_server, "", name="no-such-bucket")):
        for call in (
            away.put(f"01A/{name}", source),
            away.fetch(f"01A/{name}", tmp_path / "fetched"),
            away.groups(),
            away.look(),
        ):
            with pytest.raises(StoreUnavailable, match=SETTING) as caught:
                await call
            assert caught.value.retry_after_s
            assert "127.0.0.1" not in caught.value.message
        await away.remove("01A")
    assert not (tmp_path / "fetched").exists()


async def test_other_bytes_than_were_sent_are_refused(s3_server: S3Server, tmp_path: Path) -> None:
    source, name = document(tmp_path)
    blobs = bucket(s3_server, "spoiled")
    await blobs.put(f"01A/{name}", source)
    await obstore.put_async(raw(s3_server), f"spoiled/01A/{name}", b"other")
    with pytest.raises(UnreadableDocument, match=SETTING):
        await blobs.fetch(f"01A/{name}", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


async def test_what_else_lies_in_the_bucket_is_no_group(s3_server: S3Server) -> None:
    await obstore.put_async(raw(s3_server), "shared/some-thing.else/file", b"")
    assert await bucket(s3_server, "shared").groups() == []
