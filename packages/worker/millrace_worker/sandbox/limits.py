"""The limits of one EE while it lives: a blank one starts with the pool's, and takes its workflow's before any code of it runs.

Memory, processes and /tmp are bounded by the kernel where it can (RLIMIT_NPROC, which the runtime lowers for itself, the size of
the tmpfs, control groups), and counted by the watchdog, which knows how to say what was too much.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass

_PIDFD_GETFD = 438
_FSCONFIG = 431
_SET_STRING, _RECONFIGURE = 1, 7

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    """What one EE may use. Sizes are bytes."""

    memory_bytes: int
    tmp_bytes: int
    processes: int
    cpu_millis: int = 0
    """Thousandths of one processor; 0: no limit."""


class TmpBound:
    """The EE's /tmp, whose size the worker can still change.

    Only who is root over the mount may, and init has given that up. So init opens the mount for changes (fspick) before it does,
    and the worker, root itself or the owner of the user namespace that made the mount, takes that descriptor over.
    """

    def __init__(self, init_pidfd: int, descriptor: int) -> None:
        self._mount = -1
        if descriptor >= 0:
            self._mount = _libc.syscall(_PIDFD_GETFD, init_pidfd, descriptor, 0)

    def set(self, size_bytes: int) -> bool:
        """Whether the kernel holds /tmp to this size from now on."""
        if self._mount < 0:
            return False
        value = str(size_bytes).encode()
        if _libc.syscall(_FSCONFIG, self._mount, _SET_STRING, b"size", value, 0) < 0:
            return False
        return _libc.syscall(_FSCONFIG, self._mount, _RECONFIGURE, None, None, 0) == 0

    def close(self) -> None:
        if self._mount >= 0:
            os.close(self._mount)
            self._mount = -1


def first_child(pid: int) -> int:
    """The main Python of an init, by the machine's number; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return int(file.read().split()[0])
    except (OSError, IndexError):
        return 0
