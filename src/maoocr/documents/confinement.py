"""What the decoder's process denies itself before it touches a document. Linux only."""

import ctypes
import os
import resource
import signal
import sys

__all__ = [
    "confine",
    "die_with_parent",
    "keep_memory",
    "open_files",
    "private_bytes",
    "resident_bytes",
    "trim",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_MAX_FILES = 32
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_REUSED_BYTES = 32 * 1024 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(0)


def confine(memory_bytes: int) -> None:
    """Give up what decoding does not need.

    No files can be written, no core is dumped, no privileges gained. Memory is counted as the
    kernel counts private writable mappings (RLIMIT_DATA), since libraries reserve far more address
    space than they use; the address space has a limit too, for kernels that count only that.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _MAX_FILES)
    _limit(resource.RLIMIT_DATA, memory_bytes)
    _limit(resource.RLIMIT_AS, _pages_of_memory()[0] + memory_bytes)


def keep_memory() -> None:
    """Have the C library keep what it freed for the next page: faults cost more than decoding."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_MMAP_THRESHOLD, _REUSED_BYTES)
        _libc.mallopt(_M_TRIM_THRESHOLD, _REUSED_BYTES)


def resident_bytes() -> int:
    """Resident memory of this process."""
    return _pages_of_memory()[1]


def private_bytes() -> int:
    """Resident memory that belongs to no file and is shared with nobody."""
    _, resident, shared = _pages_of_memory()
    return resident - shared


def open_files() -> int:
    """Descriptors that this process holds."""
    return len(os.listdir("/proc/self/fd")) - 1


def trim() -> None:
    """Give freed memory back to the system, where the C library can."""
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _pages_of_memory() -> tuple[int, int, int]:
    with open("/proc/self/statm", encoding="ascii") as statm:
        total, resident, shared = statm.read().split()[:3]
    page = resource.getpagesize()
    return int(total) * page, int(resident) * page, int(shared) * page
