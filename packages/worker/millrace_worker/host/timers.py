"""Times that most runs never reach, kept without a timer of the loop's for each: to make and to cancel one costs more than the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """One time for each, and one timer for the soonest; it is left alone when that one goes."""

    def __init__(self, on_due: Callable[[T], None]) -> None:
        self._on_due = on_due
        self._due: dict[T, float] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def set(self, one: T, when: float) -> None:
        """It is due at that time of the machine's monotonic clock, and at no other."""
        self._due[one] = when
        if self._timer is None or when < self._timer.when():
            self._arm(when)

    def drop(self, one: T) -> None:
        """It is not due at all."""
        self._due.pop(one, None)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        for one in [one for one, when in self._due.items() if when <= now]:
            if self._due.pop(one, None) is not None:  # Another one's end may have been its own.
                self._on_due(one)
        soonest = min(self._due.values(), default=None)
        if soonest is not None and (self._timer is None or soonest < self._timer.when()):
            self._arm(soonest)


class Soon(Generic[T]):
    """The same for what is due after the same time, whoever it is: the first to come is the first to be due."""

    def __init__(self, seconds: float, on_due: Callable[[T], None]) -> None:
        self._seconds = seconds
        self._on_due = on_due
        self._since: dict[T, float] = {}
        self._loop = asyncio.get_running_loop()
        self._armed = False

    def add(self, one: T) -> None:
        """Its time begins."""
        self._since[one] = now = self._loop.time()
        if not self._armed:
            self._arm(now)

    def take(self, one: T) -> bool:
        """It need not wait any longer; False when it does not."""
        return self._since.pop(one, None) is not None

    def _arm(self, since: float) -> None:
        self._armed = True
        self._loop.call_at(since + self._seconds, self._fire)

    def _fire(self) -> None:
        self._armed = False
        before = self._loop.time() - self._seconds
        while self._since:
            one, since = next(iter(self._since.items()))
            if since > before:
                self._arm(since)
                return
            del self._since[one]
            self._on_due(one)
