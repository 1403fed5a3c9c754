"""Uids for the EEs of a house that root started: a block per worker, so that two houses on one machine never share one."""

from __future__ import annotations

import fcntl
import os

from .settings import SandboxSettings, SandboxUnavailable

_BLOCK = 256


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
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for block in range(settings.uid_count // _BLOCK):
            lock = os.open(folder / f"{settings.uid_base + block * _BLOCK}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            return lock, settings.uid_base + block * _BLOCK
    except OSError as error:
        raise SandboxUnavailable(
            f"Cannot lock a range of uids in {folder}: {error.strerror}.",
            "Set MILLRACE_SANDBOX_UID_LOCK_DIR to a folder that root can write.",
        ) from error
    raise SandboxUnavailable(
        f"Every block of uids from {settings.uid_base} on is taken by another worker.",
        "Raise MILLRACE_SANDBOX_UID_COUNT.",
    )
