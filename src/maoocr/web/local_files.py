"""`image_path`: files of this machine, only below the folder that the operator opened."""

import asyncio
import os
import stat
from pathlib import Path

from ..documents.spool import SpoolWriter, Upload
from ..errors import Forbidden, InvalidRequest, NotFound

__all__ = ["spool_local_file"]

_CHUNK_BYTES = 1024 * 1024


async def spool_local_file(root: Path | None, name: str, writer: SpoolWriter) -> Upload:
    """Copy a file below `root` to the spool.

    Raises:
        Forbidden: local files are off, or the path leads out of the root.
        NotFound: there is no such file below the root.
        TooLarge: it is over the limit of `writer`.
    """
    try:
        descriptor = await asyncio.to_thread(_open_below, root, name)
        try:
            while chunk := await asyncio.to_thread(os.read, descriptor, _CHUNK_BYTES):
                await writer.write(chunk)
        finally:
            os.close(descriptor)
        return await writer.finish()
    except BaseException:
        writer.abort()
        raise


def _open_below(root: Path | None, name: str) -> int:
    if root is None:
        raise Forbidden("image_path is off: no folder is opened for it (MAOOCR_LOCAL_FILES_ROOT).")
    if "\0" in name or len(name) > 4096:
        raise InvalidRequest("image_path: this is no path.")
    top = root.resolve()
    # Links are followed first, so that a link that leads out is seen as what it is.
    path = Path(os.path.realpath(top / name))
    if not path.is_relative_to(top):
        raise Forbidden(
            "image_path: the path leads out of the folder that is opened for it"
            " (MAOOCR_LOCAL_FILES_ROOT)."
        )
    try:
        # O_NONBLOCK: opening a pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise NotFound("image_path: there is no readable file of that name.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotFound("image_path: there is no readable file of that name.")
    return descriptor
