"""DELETE /api/ocr/cache/{key}: one answer is forgotten, in every replica."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from ..errors import CacheUnavailable, InvalidRequest, NotFound
from .gateway import gateway_of
from .problems import documented

__all__ = ["router"]

router = APIRouter(tags=["cache"])

Key = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="From the header `X-Cache-Key`.")]


@router.delete(
    "/api/ocr/cache/{key}",
    status_code=204,
    response_class=Response,
    responses=documented(InvalidRequest, NotFound, CacheUnavailable),
)
async def purge(key: Key, request: Request) -> None:
    """Forget a cached answer, so that the next identical request is read anew."""
    if not await gateway_of(request).shared.results.purge(key):
        raise NotFound("There is no cached answer of that key.")
