"""Runs that wait a moment for an environment that is busy with a short step, instead of waking another one.

Where steps take less than a millisecond, most of what a run costs is waking the environment that was asked to run it, with cold caches. So
as many environments of a version work as there are processors, and what comes meanwhile stands behind one of them: a bounded number,
and only as long as they can be expected to have their turn within WAIT_SECONDS. No run has started before its turn. When the one in
front takes longer than it should, those behind it go elsewhere.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from millrace_worker.host.environment import Environment
from millrace_worker.host.versions import Version

if TYPE_CHECKING:
    from millrace_worker.host.run import Run

#: For how long a run may be expected to stand behind others, and how long it does before it goes elsewhere.
WAIT_SECONDS = 0.005
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

    def find(self, run: Run) -> Environment | None:
        """Where the run will have its turn soon."""
        pace = self._pace.get(run.version.version_id)
        if pace is None or not run.is_short:
            return None
        lanes = [one for one in self._busy.get(run.version.version_id, ()) if _takes(one, run)]
        best = min(lanes, key=_length, default=None)
        if best is None or len(best.behind) >= self.behind_max or (len(best.behind) + 1) * pace > WAIT_SECONDS:
            return None
        return best

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

    def late(self) -> list[Run]:
        """Takes out who has stood behind a run that takes longer than expected."""
        runs: list[Run] = []
        before = time.monotonic() - WAIT_SECONDS
        for lanes in self._busy.values():
            for environment in lanes:
                if environment.behind and environment.began_at <= before:
                    runs.extend(environment.behind)
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
