"""Uids for the EEs of a house that root started: a block per worker, so that two houses on one machine never share one."""

from __future__ import annotations

import fcntl
import os

from .settings import SandboxSettings, SandboxUnavailable

_BLOCK = 256
_CONTAINER_UIDS = 16_384
_FIRST_UID_OF_NOBODY = 1000


class UidBlock:
    """256 uids that are this worker's for as long as it lives: the lock on the block's file ends with the process."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._lock, self._first = _lock_block(settings)
        self._next = 0
        self._used: set[int] = set()

    def take(self) -> int:
        """A uid that no living EE has; the one that was used longest ago comes last."""
        for _ in range(_BLOCK):
            uid = self._first + self._next
            self._next = (self._next + 1) % _BLOCK
            if uid not in self._used:
                self._used.add(uid)
                return uid
        raise SandboxUnavailable(
            f"All {_BLOCK} uids of this worker are in use.", "Run fewer execution environments in one worker."
        )

    def give_back(self, uid: int) -> None:
        """Only when every process of the EE is gone."""
        self._used.discard(uid)

    def close(self) -> None:
        os.close(self._lock)


def _lock_block(settings: SandboxSettings) -> tuple[int, int]:
    folder = settings.uid_lock_dir
    base, count = usable_range(settings, _read_map("uid_map"), _read_map("gid_map"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for first in range(base, base + count - _BLOCK + 1, _BLOCK):
            lock = os.open(folder / f"{first}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            return lock, first
    except OSError as error:
        raise SandboxUnavailable(
            f"Cannot lock a range of uids in {folder}: {error.strerror}.",
            "Set MILLRACE_SANDBOX_UID_LOCK_DIR to a folder that root can write.",
        ) from error
    raise SandboxUnavailable(
        f"Every block of uids from {base} on is taken by another worker.", "Raise MILLRACE_SANDBOX_UID_COUNT."
    )


def usable_range(settings: SandboxSettings, uids: list[range], gids: list[range]) -> tuple[int, int]:
    """The configured range, or, where root is root of a container that lacks it, the upper end of what is mapped there."""
    wanted = range(settings.uid_base, settings.uid_base + settings.uid_count)
    shared = [both for one in uids for two in gids if len(both := _overlap(one, two)) >= _BLOCK]
    for one in shared:
        if len(here := _overlap(one, wanted)) >= _BLOCK:
            return here.start, len(here)
    for one in sorted(shared, key=lambda one: -one.stop):
        here = one[-_CONTAINER_UIDS:]
        if here.start >= _FIRST_UID_OF_NOBODY:
            return here.start, len(here)
    raise SandboxUnavailable(
        "Root's user namespace has no uids to give to execution environments.",
        "Start the house as an ordinary user, or give the container a range (newuidmap, --userns=auto).",
    )


def _overlap(one: range, two: range) -> range:
    return range(max(one.start, two.start), max(min(one.stop, two.stop), max(one.start, two.start)))


def _read_map(name: str) -> list[range]:
    with open(f"/proc/self/{name}") as file:
        lines = [[int(number) for number in line.split()] for line in file]
    return [range(first, first + count) for first, _outside, count in lines]
