"""Runs that wait a moment for an environment that is busy with a short step, instead of waking another one.

Where steps take less than a millisecond, most of what a run costs is waking the environment that was asked to run it, with cold caches. So
as many environments of a version work as there are processors, and what comes meanwhile stands behind one of them: a bounded number,
and only as long as they can be expected to have their turn within WAIT_SECONDS; where there is no other one that is warm, within
COLD_SECONDS, since all of them wait for the same processors. No run has started before its turn. When the one in front takes longer than it should,
those behind it go elsewhere.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from millrace_worker.host.environment import Environment
from millrace_worker.host.versions import Version

if TYPE_CHECKING:
    from millrace_worker.host.run import Run

#: For how long a run may be expected to stand behind others, and how long it does behind one before it goes elsewhere.
WAIT_SECONDS = 0.012
#: Where the alternative is to start an environment: how long it may be expected to stand there, and how long it does behind one.
COLD_SECONDS = 0.1
COLD_LATE_SECONDS = 0.03
# How many times as many may stand there then.
_COLD_TIMES = 4
# Longer steps wait for something else than a processor: where another environment is warm, it is no competitor.
_SHORT_SECONDS = 0.002
# How much of a version's pace the newest of its steps is.
_WEIGHT = 0.2
_VERSIONS_MAX = 1024


class Lanes:
    """Which environments are busy with short steps, and how long the steps of each version take."""

    def __init__(self, behind_max: int) -> None:
        self.behind_max = behind_max
        self._width = len(os.sched_getaffinity(0))
        self._busy: dict[str, list[Environment]] = {}
        self._pace: dict[str, float] = {}

    def full(self, version: Version) -> bool:
        """Whether one more environment of the version would only compete with those that work already."""
        return len(self._busy.get(version.version_id, ())) >= self._width

    def find(self, run: Run, cold: bool = False) -> Environment | None:
        """Where the run will have its turn soon; `cold` when no idle environment is warm for it."""
        pace = self._pace.get(run.version.version_id)
        if pace is None or not run.is_short:
            return None
        lanes = [one for one in self._busy.get(run.version.version_id, ()) if _takes(one, run)]
        best = min(lanes, key=_length, default=None)
        if best is None or (pace > _SHORT_SECONDS and not cold):
            return None
        seconds, times = (COLD_SECONDS, _COLD_TIMES) if cold else (WAIT_SECONDS, 1)
        count = len(best.behind)
        return best if count < times * self.behind_max and (count + 1) * pace <= seconds else None

    def begin(self, environment: Environment, run: Run) -> None:
        """A run begins in an environment."""
        environment.began_at = time.monotonic()
        if run.is_short and not environment.lane:
            self._busy.setdefault(run.version.version_id, []).append(environment)
            environment.lane = run.version.version_id

    def end(self, environment: Environment) -> None:
        """It is over, or the environment is."""
        if environment.lane:
            lanes = self._busy[environment.lane]
            lanes.remove(environment)
            if not lanes:
                del self._busy[environment.lane]
            environment.lane = ""

    def note(self, version: Version, seconds: float) -> None:
        """A step has taken this long."""
        before = self._pace.get(version.version_id)
        if before is None and len(self._pace) >= _VERSIONS_MAX:
            self._pace.pop(next(iter(self._pace)))
        self._pace[version.version_id] = seconds if before is None else before + (seconds - before) * _WEIGHT

    def late(self) -> list[tuple[Environment, Run]]:
        """Takes out who has stood behind a run that takes longer than expected."""
        runs: list[tuple[Environment, Run]] = []
        before = time.monotonic() - WAIT_SECONDS
        for lanes in self._busy.values():
            for environment in lanes:
                if environment.behind and environment.began_at <= before:
                    runs.extend((environment, run) for run in environment.behind)
                    environment.behind.clear()
        return runs

    def forget(self, run: Run) -> None:
        """It does not want its turn any more."""
        for environment in self._busy.get(run.version.version_id, ()):
            if run in environment.behind:
                environment.behind.remove(run)

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return any(environment.behind for lanes in self._busy.values() for environment in lanes)


def _length(environment: Environment) -> int:
    return len(environment.behind)


def _takes(environment: Environment, run: Run) -> bool:
    """Whether the run can follow the one that is there: the same code with the same variables, and no sign that it ends."""
    late = time.monotonic() - environment.began_at > WAIT_SECONDS
    return environment.version is run.version and environment.variables == run.variables and not (late or environment.dead)
