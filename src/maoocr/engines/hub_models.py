"""The weights of one model of a hub: what there is of them, and getting them there."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError

from ..errors import MaoOCRError, ModelUnavailable
from .download import PART_SUFFIX, require_room
from .hub import Hub, HubFile, Snapshot
from .hub_folder import (
    FileState,
    Lock,
    allow_marking,
    beat,
    being_pulled,
    file_state,
    not_being_used,
    read_lock,
    remove_folder,
    write_lock,
)
from .hub_transfer import PAUSE_S, Transfer, part_of

__all__ = ["HubWeights", "Pulled", "WeightsState"]

WeightsState = Literal["absent", "partial", "ready", "corrupt", "foreign"]
"""`foreign`: weights lie there that nobody pulled; they can be used, and not be checked."""

NEEDLESS = (
    ".*", "*.md", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp", "*.svg", "*.mp4", "*.pdf",
    "*.gguf", "*.onnx", "*.onnx_data", "*.h5", "*.msgpack", "*.tflite", "*.zip", "*.ipynb",
    # Pickles run code when they are loaded; the same weights are there as safetensors.
    "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl",
)  # fmt: skip
"""Names of a repository's files that no server of the model reads."""

Report = Callable[[HubFile, int], None]
"""Hears of a file how many of its bytes there are; from several threads."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull has done."""

    commit: str
    fetched: tuple[HubFile, ...]


class HubWeights:
    """The weights of one repository in one folder."""

    def __init__(
        self, repository: str, revision: str, folder: Path, hashes: Mapping[str, str]
    ) -> None:
        """Name them.

        Args:
            repository: `owner/name`.
            revision: branch, tag or commit, where nobody asks for another one.
            folder: where they lie, or are to.
            hashes: SHA-256 by path that the hub must agree with.
        """
        self.repository = repository
        self.revision = revision
        self.folder = folder
        self._hashes = hashes

    def lock(self) -> Lock | None:
        """What the folder is to hold; None where nothing was pulled."""
        return read_lock(self.folder)

    def state(self) -> WeightsState:
        """What lies there, by names and sizes; `verify` reads the files."""
        lock = self.lock()
        if lock is None:
            return "foreign" if any(self.folder.glob("*.safetensors")) else "absent"
        states = {file_state(self.folder, file, reads=False) for file in lock.files}
        if "corrupt" in states:
            return "corrupt"
        if "absent" in states:
            return "partial"
        return "ready"

    def verify(self) -> dict[HubFile, FileState]:
        """Read every file and compare its hash.

        Raises:
            ModelUnavailable: nothing tells what the files have to be.
        """
        lock = self.lock()
        if lock is None:
            raise ModelUnavailable(
                f"{self.folder} has no lock file: nobody pulled it, and nothing tells what its"
                " files have to be."
            )
        return {file: file_state(self.folder, file, reads=True) for file in lock.files}

    def remove(self) -> int:
        """Delete what was pulled; gives the bytes that were freed.

        Raises:
            Conflict: a running server uses it.
            ModelUnavailable: it cannot be deleted, or another process fetches it.
        """
        if not self.folder.is_dir():
            return 0
        with not_being_used(self.folder), being_pulled(self.folder, lambda: None):
            return remove_folder(self.folder, self.lock())

    def pull(
        self,
        hub: Hub,
        *,
        revision: str | None = None,
        parallel: int = 4,
        report: Report = lambda file, done: None,
        on_plan: Callable[[Lock], None] = lambda lock: None,
        on_wait: Callable[[], None] = lambda: None,
        pause_s: float = PAUSE_S,
    ) -> Pulled:
        """Fetch what is not there or not right.

        A commit that was pulled before stays the one to pull, until another revision is asked for.

        Args:
            hub: where the repository is.
            revision: branch, tag or commit; the one of before when left out.
            parallel: files at once.
            report: hears how each file goes.
            on_plan: hears what is going to be there.
            on_wait: is called when another process fetches the same: it is waited for.
            pause_s: before the second attempt at a file.

        Raises:
            ModelUnavailable: something cannot be had. What has come stays, and is gone on with.
            StorageFull: there is no room.
        """
        with being_pulled(self.folder, on_wait):
            before = self.lock()
            lock = self._chosen(hub, before, revision)
            on_plan(lock)
            # Before the files: whoever goes on after a crash fetches the same commit.
            write_lock(self.folder, lock)
            self._sweep(before, lock)
            missing = self._missing(lock, parallel)
            self._require_room(missing)
            _Crew(self, hub, lock, report, pause_s).fetch(missing, parallel)
            allow_marking(self.folder)
            return Pulled(lock.commit, tuple(missing))

    def _chosen(self, hub: Hub, before: Lock | None, revision: str | None) -> Lock:
        is_known = before is not None and before.repository == self.repository
        if before is not None and is_known and revision in {None, before.commit}:
            return before
        wanted = revision or self.revision
        snapshot = hub.snapshot(self.repository, wanted)
        files = tuple(file for file in snapshot.files if _is_needed(file.path))
        self._require_agreement(snapshot)
        if not any(file.path.endswith(".safetensors") for file in files):
            raise ModelUnavailable(f"{self.repository} has no safetensors at {snapshot.commit}.")
        return Lock(self.repository, wanted, snapshot.commit, files)

    def _require_agreement(self, snapshot: Snapshot) -> None:
        told = {file.path: file.sha256 for file in snapshot.files}
        for path, sha256 in self._hashes.items():
            if told.get(path) != sha256:
                raise ModelUnavailable(
                    f"{self.repository}: {path} is not the file that the manifest names. The hub"
                    f" lists {told.get(path) or 'none'}, {sha256} is expected."
                )

    def _missing(self, lock: Lock, parallel: int) -> list[HubFile]:
        with ThreadPoolExecutor(parallel) as threads:
            states = threads.map(partial(file_state, self.folder, reads=True), lock.files)
            return [
                file for file, state in zip(lock.files, states, strict=True) if state != "ready"
            ]

    def _require_room(self, missing: Iterable[HubFile]) -> None:
        wanted = 0
        for file in missing:
            part = part_of(file, self.folder / file.path)
            wanted += file.size_bytes - (part.stat().st_size if part.is_file() else 0)
        require_room(self.folder / "the model", wanted)

    def _sweep(self, before: Lock | None, lock: Lock) -> None:
        """Delete what an earlier pull left and this one does not want."""
        wanted = {file.path for file in lock.files}
        old = {file.path for file in before.files} if before else set[str]()
        parts = {part_of(file, self.folder / file.path) for file in lock.files}
        gone = [self.folder / path for path in old - wanted]
        gone += [part for part in self.folder.rglob(f".*{PART_SUFFIX}") if part not in parts]
        for path in gone:
            with suppress(OSError):
                path.unlink(missing_ok=True)


class _Crew:
    """Fetches the files of one pull, several at once."""

    def __init__(
        self, weights: HubWeights, hub: Hub, lock: Lock, report: Report, pause_s: float
    ) -> None:
        self._folder = weights.folder
        self._hub = hub
        self._lock = lock
        self._report = report
        self._transfer = Transfer(hub.patience, hub.token, pause_s=pause_s)
        self._guard = threading.Lock()

    def fetch(self, files: list[HubFile], parallel: int) -> None:
        # The largest first: it would else be alone at the end.
        order = sorted(files, key=lambda file: -file.size_bytes)
        with ThreadPoolExecutor(parallel) as threads:
            futures = [threads.submit(self._one, file) for file in order]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                _raise_first(done)
            except BaseException:
                self._transfer.stop()
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, file: HubFile) -> None:
        url = self._hub.file_url(self._lock.repository, self._lock.commit, file.path)
        target = (self._folder / file.path).resolve()
        if not target.is_relative_to(self._folder.resolve()):
            raise ModelUnavailable(f"{self._folder / file.path} leads out of its folder: refused.")
        try:
            self._transfer.fetch(url, file, target, partial(self._heard, file))
        except HTTPError as error:
            error.close()
            raise self._hub.explained(error, self._lock.repository, file.path) from error

    def _heard(self, file: HubFile, done: int) -> None:
        with self._guard:
            beat(self._folder)
            self._report(file, done)


def _raise_first(done: Iterable[Future[None]]) -> None:
    errors = [error for future in done if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: not isinstance(error, MaoOCRError)):
        raise error


def _is_needed(path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return not any(fnmatchcase(name, pattern) for pattern in NEEDLESS)
