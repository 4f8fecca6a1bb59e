"""Jobs whose uploads lie in a bucket, so that replicas need no common folder."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import S3Store

from tests.fakes.documents import png, scan
from tests.integration.jobs.pair import JOBS, Pair, pair
from tests.servers import S3Server

pytestmark = pytest.mark.integration


@pytest.fixture
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    yield server
    server.stop()


def kept(server: S3Server) -> list[str]:
    store = S3Store(
        server.bucket,
        endpoint=server.endpoint,
        region="us-east-1",
        access_key_id="key",
        secret_access_key="secret",
        client_options={"allow_http": True},
    )
    return [blob["path"] for blob in obstore.list(store).collect()]


def uploads(both: Pair) -> str:
    """The state of the bucket, as a gateway tells it."""
    checks = httpx.get(both.url("a", "/health"), timeout=30).json()["checks"]
    return str(checks["uploads"]["state"])


def test_any_replica_reads_what_one_has_put_into_the_bucket(
    tmp_path: Path, s3_server: S3Server
) -> None:
    with pair(tmp_path, s3_server.environment, 0.2) as both:
        job = both.post("a", ("scan.pdf", scan("one", "two", "three")), ("b.png", png("four")))
        assert {path.split("/")[:2] == ["maoocr", job["id"]] for path in kept(s3_server)} == {True}
        both.kill("a")
        found = both.pages("b", job["id"])
        assert sorted(line["text"] for line in found) == ["four", "one", "three", "two"]
        assert not (tmp_path / "state" / "blobs").exists()
        assert kept(s3_server) == []


def test_without_its_bucket_a_job_is_refused_and_a_document_is_read(
    tmp_path: Path, s3_server: S3Server
) -> None:
    with pair(tmp_path, s3_server.environment, 0.0) as both:
        assert uploads(both) == "ok"
        s3_server.stop()
        assert uploads(both) == "degraded"
        files = [("files", ("a.png", png("one")))]
        refused = httpx.post(both.url("a", JOBS), files=files, timeout=30)
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (503, "store_unavailable")
        assert "MAOOCR_JOBS__BLOBS_URL" in error["message"]
        assert error["retryable"]
        assert int(refused.headers["Retry-After"]) > 0
        image = {"image": ("a.png", png("one"))}
        read = httpx.post(both.url("a", "/api/ocr/recognize"), files=image, timeout=30)
        assert (read.status_code, read.json()["text"]) == (200, "one")
