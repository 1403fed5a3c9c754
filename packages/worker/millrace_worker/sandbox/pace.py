"""A share of the processors where no control group can give one: who has had more than its share stands still for a while."""

from __future__ import annotations

import time

_GRACE_S = 0.02
_LONGEST_HOLD_S = 1.0


class Pace:
    """Counts what one EE has used since the last look, and says for how long it has to stand still."""

    def __init__(self, millis: int) -> None:
        self._share = millis / 1000
        self._mark = (0.0, 0.0)
        self.held_until = 0.0

    def begin(self, cpu_seconds: float) -> None:
        """A run begins: what was not used before is not saved up."""
        self._mark = (time.monotonic(), cpu_seconds)

    def look(self, cpu_seconds: float) -> bool:
        """Whether it has to be stopped now; `held_until` then says for how long."""
        now = time.monotonic()
        begun, before = self._mark
        due = (cpu_seconds - before) / self._share
        if due <= now - begun + _GRACE_S / self._share:
            # A short look may round the clock ticks away: keep counting until they show.
            if now - begun > 5 * _GRACE_S:
                self._mark = (now, cpu_seconds)
            return False
        self.held_until = min(begun + due, now + _LONGEST_HOLD_S)
        return True

    def go_on(self, cpu_seconds: float) -> None:
        """It may run again."""
        self.held_until = 0.0
        self.begin(cpu_seconds)
