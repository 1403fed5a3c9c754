"""How much memory the machine itself has left.

The limits of single EEs do not add up to the machine's: a dozen of them may each fill a /tmp of 2 GiB, which is memory too.
Before the kernel has to choose whom to kill (and may choose the database), the watchdog ends the EE that holds most.
"""

from __future__ import annotations

import os
from pathlib import Path

from .settings import GIB, MIB

_CGROUP = Path("/sys/fs/cgroup")


class MachineMemory:
    """Reads what is available, here and within the control group that the worker lives in (a container's limit)."""

    def __init__(self) -> None:
        self._meminfo = os.open("/proc/meminfo", os.O_RDONLY | os.O_CLOEXEC)
        self.total_bytes = self._read_meminfo(b"MemTotal:")
        limit = _read_number(_CGROUP / "memory.max")
        self._limit = limit if limit is not None and limit < self.total_bytes else None
        if self._limit is not None:
            self.total_bytes = self._limit

    def close(self) -> None:
        os.close(self._meminfo)

    def available_bytes(self) -> int:
        """What programs can still take without anybody being killed."""
        available = self._read_meminfo(b"MemAvailable:")
        if self._limit is None:
            return available
        used = _read_number(_CGROUP / "memory.current") or 0
        return min(available, self._limit - used + _reclaimable_bytes())

    def _read_meminfo(self, name: bytes) -> int:
        text = os.pread(self._meminfo, 4096, 0)
        return int(text.partition(name)[2].split(None, 1)[0]) * 1024


def default_reserve(total_bytes: int) -> int:
    """A twentieth of the machine, at least 128 MiB and at most 1 GiB."""
    return min(max(total_bytes // 20, 128 * MIB), GIB)


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _reclaimable_bytes() -> int:
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    values = dict(line.split() for line in lines)
    return int(values.get("inactive_file", 0)) + int(values.get("active_file", 0))
