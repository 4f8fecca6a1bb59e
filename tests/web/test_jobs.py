"""Jobs over HTTP: made, followed, taken home, cancelled."""

import io
import json
import zipfile
from typing import Any

import httpx
import pytest

from tests.fakes.documents import png, scan

JOBS = "/api/ocr/jobs"


def files(*documents: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", document) for document in documents]


async def make(client: httpx.AsyncClient, *documents: tuple[str, bytes], **sent: Any) -> Any:
    answer = await client.post(JOBS, files=files(*documents), **sent)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{JOBS}/{answer.json()['id']}"
    return answer.json()


async def lines(client: httpx.AsyncClient, job: str, **query: Any) -> list[Any]:
    answer = await client.get(f"{JOBS}/{job}/results", params=query)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_job_is_read_and_its_pages_follow(client: httpx.AsyncClient) -> None:
    job = await make(client, ("a/scan.pdf", scan("one", "two")), ("b.png", png("three")))
    assert job["pages_total"] is None
    assert [file["name"] for file in job["files"]] == ["a/scan.pdf", "b.png"]
    found = await lines(client, job["id"], follow=True)
    texts = {(line["file"], line["page"]): line["text"] for line in found}
    assert texts[("b.png", 1)] == "three"
    assert set(texts) == {("a/scan.pdf", 1), ("a/scan.pdf", 2), ("b.png", 1)}
    assert [line["event"] for line in found] == [1, 2, 3]
    shown = (await client.get(f"{JOBS}/{job['id']}")).json()
    assert (shown["status"], shown["pages_total"], shown["pages_done"]) == ("succeeded", 3, 3)
    assert shown["eta_s"] == 0
    assert shown["finished_at"] > shown["created_at"]
    assert [line["event"] for line in await lines(client, job["id"], after=2)] == [3]


async def test_whoever_makes_a_job_hears_who_will_read_it_and_whether_in_time(
    client: httpx.AsyncClient,
) -> None:
    needs = {"requirements": json.dumps({"privacy": "local", "max_seconds": 0.001})}
    job = await make(client, ("a.png", png("a")), data=needs)
    assert job["selection"]["engine"] == "fake"
    late = "more than the 0.001 s asked for: no engine here is expected to be faster."
    assert job["selection"]["reasons"][-1].endswith(late)
    assert "selection" not in (await client.get(f"{JOBS}/{job['id']}")).json()


async def test_a_zip_has_a_file_for_each_document(client: httpx.AsyncClient) -> None:
    documents = [("x.png", png("one")), ("x.png", png("two")), ("../e.png", png("3"))]
    job = await make(client, *documents)
    await lines(client, job["id"], follow=True)
    query = {"format": "zip", "document_format": "markdown"}
    answer = await client.get(f"{JOBS}/{job['id']}/results", params=query)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["x.png.md", "x.png-2.md", "e.png.md", "job.json"]
        assert archive.read("x.png-2.md").decode() == "two\n"


async def test_a_bad_document_fails_alone(client: httpx.AsyncClient) -> None:
    job = await make(client, ("bad.pdf", b"%PDF-1.7\nnothing"), ("good.png", png("good")))
    found = {line["file"]: line for line in await lines(client, job["id"], follow=True)}
    assert found["good.png"]["text"] == "good"
    assert found["bad.pdf"]["error"]["code"] == "unreadable_document"
    assert found["bad.pdf"]["page"] == 1
    shown = (await client.get(f"{JOBS}/{job['id']}")).json()
    assert (shown["status"], shown["pages_done"], shown["pages_failed"]) == ("succeeded", 1, 1)


async def test_the_same_key_gives_the_same_job(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "once"}
    job = await make(client, ("a.png", png("a")), headers=headers)
    again = await client.post(JOBS, files=files(("a.png", png("a"))), headers=headers)
    assert (again.status_code, again.json()["id"]) == (200, job["id"])
    other = await client.post(JOBS, files=files(("a.png", png("b"))), headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")


async def test_options_are_those_of_the_pages(client: httpx.AsyncClient) -> None:
    data = {"pages": "2", "words": "true"}
    job = await make(client, ("s.pdf", scan("one", "two", "three")), data=data)
    (line,) = await lines(client, job["id"], follow=True)
    assert line["page"] == 2
    assert line["lines"][0]["words"]


async def test_a_cancelled_job_stays_as_it_is(client: httpx.AsyncClient) -> None:
    job = await make(client, ("s.pdf", scan(*(f"page {n}" for n in range(300)))))
    cancelled = (await client.delete(f"{JOBS}/{job['id']}")).json()
    assert cancelled["status"] == "cancelled"
    before = await lines(client, job["id"], follow=True)
    assert (await client.delete(f"{JOBS}/{job['id']}")).json() == cancelled
    assert await lines(client, job["id"]) == before


async def test_jobs_are_listed_by_a_cursor(client: httpx.AsyncClient) -> None:
    made = [(await make(client, ("a.png", png("a"))))["id"] for _ in range(3)]
    first = (await client.get(JOBS, params={"limit": 2})).json()
    assert [job["id"] for job in first["items"]] == [made[2], made[1]]
    query = {"limit": 1, "cursor": first["next_cursor"]}
    assert (await client.get(JOBS, params=query)).json()["items"][0]["id"] == made[0]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"files": files(("a.txt", b"just text"))}, 415, "unsupported_media"),
        ({"files": files(("a.png", b""))}, 422, "unreadable_document"),
        ({"files": files(("a.png", png("a"))), "data": {"priority": "x"}}, 422, "invalid_request"),
        ({"files": files(("a.png", png("a"))), "data": {"pages": "7"}}, 422, "invalid_request"),
        ({"files": files(("a.png", png("a"))), "data": {"engine": "no"}}, 404, "unknown_engine"),
        ({"files": {"other": ("a.png", png("a"))}}, 422, "invalid_request"),
        ({"data": {"priority": "1"}, "files": {}}, 415, "unsupported_media"),
        (
            {"files": files(("a.png", png("a"))), "headers": {"Idempotency-Key": " "}},
            422,
            "invalid_request",
        ),
    ],
)
async def test_a_bad_request_makes_no_job(
    client: httpx.AsyncClient, sent: dict[str, Any], status: int, code: str
) -> None:
    before = [job["id"] for job in (await client.get(JOBS)).json()["items"]]
    answer = await client.post(JOBS, **sent)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert [job["id"] for job in (await client.get(JOBS)).json()["items"]] == before


async def test_what_is_not_there_is_a_404(client: httpx.AsyncClient) -> None:
    unknown = f"{JOBS}/01ARZ3NDEKTSV4RRFFQ69G5FAV"
    for path in (unknown, f"{unknown}/results"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await client.delete(unknown)).status_code == 404
    assert (await client.get(f"{JOBS}/nonsense")).status_code == 422


async def test_a_document_is_read_once_for_requests_and_jobs_alike(
    client: httpx.AsyncClient,
) -> None:
    """The first answer is in the cache for all who come later; who computes it does not matter."""
    image = {"image": ("a.png", png("read by a request"))}
    assert (await client.post("/api/ocr/recognize", files=image)).status_code == 200
    job = await make(client, ("a.png", png("read by a request")), ("b.png", png("read by a job")))
    found = {line["file"]: line for line in await lines(client, job["id"], follow=True)}
    assert found["a.png"]["text"] == "read by a request"
    assert found["a.png"]["timings"]["recognize_s"] == 0
    assert found["b.png"]["timings"]["recognize_s"] > 0
    image = {"image": ("b.png", png("read by a job"))}
    answer = await client.post("/api/ocr/recognize", files=image)
    assert answer.headers["x-cache"] == "hit"
    assert (answer.json()["text"], answer.json()["cached"]) == ("read by a job", True)
    assert answer.json()["language"] == "en"
