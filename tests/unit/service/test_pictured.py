import asyncio

from maoocr.documents.kinds import Kind
from maoocr.service.pictured import Pictured
from maoocr.service.ports import Document


class Sheet:
    sha256 = "f" * 64
    size = 1
    kind = Kind("png", "image/png", False)

    def __init__(self) -> None:
        self.told: list[str] = []

    async def keep(self) -> None:
        self.told.append("keep")

    def release(self) -> None:
        self.told.append("release")


class Camera:
    """Takes its time."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.done = asyncio.Event()

    def known(self, sha256: str) -> bytes | None:
        return b"picture" if self.done.is_set() else None

    async def take(self, document: Document) -> None:
        self.taken.append(document.sha256)
        await self.done.wait()


async def test_the_bytes_stay_until_the_picture_is_taken() -> None:
    sheet, camera = Sheet(), Camera()
    pictured = Pictured(sheet, camera)
    await pictured.keep()
    await pictured.keep()
    pictured.release()
    await asyncio.sleep(0)
    assert sheet.told == ["keep", "keep"]
    camera.done.set()
    while "release" not in sheet.told:  # noqa: ASYNC110 - each round lets the picture be taken
        await asyncio.sleep(0)
    assert pictured.picture == b"picture"
    assert camera.taken == [sheet.sha256]


async def test_what_comes_from_the_cache_costs_no_picture() -> None:
    sheet, camera = Sheet(), Camera()
    pictured = Pictured(sheet, camera)
    pictured.release()
    assert sheet.told == ["release"]
    assert camera.taken == []
