"""Environments: blank ones ready for any version, warm ones of the versions that ran here, never more than allowed.

A run gets, in this order: the idle environment of its version that was used last; one that is about to be free (lanes.py), which comes first
when enough of them work; a spare one that has its imports already (spares.py); a blank one; one that is started for it, for which
an idle one of another version may have to end. When all are busy, it is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.bounds import Bounds
from millrace_worker.host.environment import Environment
from millrace_worker.host.lanes import COLD_LATE_SECONDS, WAIT_SECONDS, Lanes
from millrace_worker.host.log import Log
from millrace_worker.host.spares import Spares
from millrace_worker.host.versions import Version
from millrace_worker.runtime.millrace_runtime.leftovers import memory_bytes
from millrace_worker.sandbox import MachineMemory, Sandbox, SandboxUnavailable, default_reserve

if TYPE_CHECKING:
    from millrace_worker.host.run import Run

_READY_SECONDS = 15.0
_STARTS_MAX = 2
# A blank one that was just taken is replaced a moment later, so that its replacement does not slow down the first run.
_REFILL_SECONDS = 0.05
# A blank one that nobody has wanted for so long imports what steps often need: the next one to be taken, no other, for memory's sake.
_IMPORT_SECONDS = 2.0
_BACKOFF_SECONDS = (0.25, 1.0, 4.0, 15.0)
_MEMORY_SHARE = 0.75
# A spare one is made a moment after the run that shows its use, for the same reason.
_SPARE_SECONDS = 0.05
# How long after the last run of its version one is kept.
_SPARE_IDLE_SECONDS = 60.0
_INVENTORY_SECONDS = 0.2
_INVENTORY_MAX = 64
# How long it is told that environments end for want of places.
_CROWDED_SECONDS = 10.0
# While runs go on, what they take is told anew.
_MEMORY_SECONDS = 5.0


class Claimant(Protocol):
    """Whoever wants an environment."""

    @property
    def version(self) -> Version | None:
        """What it is for; None: a blank one that is thrown away."""

    @property
    def variables(self) -> int:
        """Generation of the environment variables that it starts with."""

    def on_environment(self, environment: Environment) -> None:
        """It has been found."""

    def on_refused(self, message: str) -> None:
        """None can be had."""


class Pool:
    """All environments of a worker."""

    def __init__(
        self,
        sandbox: Sandbox,
        bounds: Bounds,
        log: Log,
        say: Callable[[pb.Inventory], None],
        on_no_sandbox: Callable[[SandboxUnavailable], None],
    ) -> None:
        self._sandbox = sandbox
        self._bounds = bounds
        self._log = log
        self._say = say
        self._on_no_sandbox = on_no_sandbox
        self._loop = asyncio.get_running_loop()
        # Every process that exists, among them those that were told to end: they hold memory and a uid until they have.
        self._alive: set[Environment] = set()
        self._dying: set[Environment] = set()
        self._blank: deque[Environment] = deque()
        # In the order in which they became idle: the first is the one to give up.
        self._idle: dict[Environment, float] = {}
        self._idle_by_version: dict[str, list[Environment]] = {}
        self._outdated: set[Environment] = set()
        self._spares = Spares()
        self.lanes = Lanes(bounds.runs_behind_max)
        self._waiting: deque[Claimant] = deque()
        self._starting = 0
        self._failures = 0
        self._started_any = False
        self._crowded_at = float("-inf")
        self._closed = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begins to fill up."""
        self._refill()

    def change(self, sandbox: Sandbox, bounds: Bounds) -> None:
        """New bounds: what is blank or idle is replaced, what is busy is not used again."""
        self._sandbox, self._bounds = sandbox, bounds
        self.lanes.behind_max = bounds.runs_behind_max
        for environment in [*self._blank, *self._spares, *self._idle]:
            self._give_up(environment, "the worker's settings have changed")
        self._outdated.update(self._alive)
        self._refill()

    def claim(self, claimant: Claimant) -> None:
        """Finds an environment, now or soon."""
        warm = self._take_warm(claimant) or self._take_spare(claimant)
        if warm is not None:
            claimant.on_environment(warm)
        elif self._blank:
            self._hand_over(self._blank.popleft(), claimant)
            self._later("refill", _REFILL_SECONDS, self._refill)
        elif self._closed or not self._make_room(len(self._waiting) + 1):
            claimant.on_refused(f"all {self._bounds.environments_max} environments of the worker are busy")
        else:
            self._waiting.append(claimant)
            self._refill()

    def claim_turn(self, run: Run) -> None:
        """Finds an environment for a run, or its turn in one that will be free in a moment."""
        if self.lanes.full(run.version) and self._stand_behind(run):
            return
        if (warm := self._take_warm(run)) is not None:
            run.on_environment(warm)
        elif not self._stand_behind(run, cold=True):
            self.claim(run)

    def _stand_behind(self, run: Run, cold: bool = False) -> bool:
        environment = self.lanes.find(run, cold)
        if environment is None or environment in self._outdated or environment in self._dying:
            return False
        environment.behind.append(run)
        self._later("lanes", WAIT_SECONDS, self._look_at_lanes)
        return True

    def _look_at_lanes(self) -> None:
        for environment, run in self.lanes.late():
            if (warm := self._take_warm(run)) is not None:
                run.on_environment(warm)
            elif self._stand_behind(run, cold=True):
                continue
            elif environment.began_at > time.monotonic() - COLD_LATE_SECONDS:
                environment.behind.append(run)
            else:
                self.claim(run)
        if self.lanes:
            self._later("lanes", WAIT_SECONDS, self._look_at_lanes)

    def _send_elsewhere(self, environment: Environment) -> None:
        """Whoever stands behind it will not get it."""
        self.lanes.end(environment)
        runs = list(environment.behind)
        environment.behind.clear()
        for run in runs:
            self.claim(run)

    def forget(self, run: Run) -> None:
        """It does not want one any more."""
        self.lanes.forget(run)
        if run in self._waiting:
            self._waiting.remove(run)

    def reason_to_retire(self, environment: Environment, state: dict[str, Any]) -> str:
        """Why an environment that has just been cleaned up must not serve another run; empty when it may."""
        version = environment.version
        environment.take_memory(state)
        if "imported" in state and self._spares.learn(environment, state["imported"]):
            self._later("spare", _SPARE_SECONDS, self._add_spare)
        if threads := state.get("threads"):
            return f"threads of the run were still alive: {', '.join(map(str, threads[:5]))}"
        if state.get("damage"):
            return "the run closed or replaced a standard descriptor"
        if version is not None and state.get("memory", 0) > _MEMORY_SHARE * version.memory_bytes:
            return "the run left its memory filled"
        if time.monotonic() - environment.bound_at > self._bounds.lifetime_seconds:
            return "it is old enough"
        return ""

    def release(self, environment: Environment) -> None:
        """A run has left its environment clean."""
        environment.runs += 1
        version = environment.version
        if environment.dead or self._closed or version is None or environment in self._outdated:
            self.retire(environment, "no longer needed")
            return
        if environment.behind:
            environment.behind.popleft().on_environment(environment)
            return
        self.lanes.end(environment)
        for claimant in self._waiting:
            # Whoever waits in front is given one that starts: it loses nothing when another one needs none any more.
            if claimant.version is version and claimant.variables == environment.variables:
                self._waiting.remove(claimant)
                claimant.on_environment(environment)
                return
        environment.process.unwatch()
        self._idle[environment] = time.monotonic()
        self._idle_by_version.setdefault(version.version_id, []).append(environment)
        if "expire" not in self._timers:
            self._later("expire", self._bounds.idle_seconds, self._expire)
        if self._waiting or len(self._blank) < self._bounds.blank_environments:
            self._later("refill", 0.0, self._refill)
        self._changed()

    def retire(self, environment: Environment, cause: str) -> None:
        """It must not serve another run."""
        self._end(environment, cause)
        self._send_elsewhere(environment)

    def unload(self, version_id: str) -> None:
        """Ends the idle environments of a version; busy ones end after their run."""
        self._outdated.update(
            environment for environment in self._alive if environment.version and environment.version.version_id == version_id
        )
        for environment in [*self._spares.forget(version_id), *self._idle_by_version.get(version_id, ())]:
            self._give_up(environment, "its version is gone")

    async def close(self) -> None:
        """Ends everything."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        while self._waiting:
            self._waiting.popleft().on_refused("the worker ends")
        for environment in list(self._alive):
            self._send_elsewhere(environment)
            environment.kill("the worker ends")
        for task in self._tasks:
            task.cancel()

    def _take_warm(self, claimant: Claimant) -> Environment | None:
        version = claimant.version
        stack = self._idle_by_version.get(version.version_id) if version else None
        while stack:
            environment = stack[-1]
            self._forget_idle(environment)
            if environment.dead or time.monotonic() - environment.bound_at > self._bounds.lifetime_seconds:
                self._end(environment, "it is old enough")
            elif environment.version is not version:
                self._end(environment, "its version was loaded anew")
            elif environment.variables != claimant.variables:
                # Modules that it has loaded may have read the old ones.
                self._end(environment, "the project's environment variables have changed")
            else:
                self._changed()
                return environment
        return None

    def _take_spare(self, claimant: Claimant) -> Environment | None:
        """Only after a look at the idle ones: whoever asks here has found none."""
        version = claimant.version
        if version is None or not version.packages:
            return None
        for outdated in self._spares.outdated(version, claimant.variables):
            self._give_up(outdated, "its version or the project's environment variables have changed")
        if self._spares.missed(version):
            self._later("spare", _SPARE_SECONDS, self._add_spare)
        environment = self._spares.take(version, claimant.variables)
        if environment is not None:
            self._changed()
        return environment

    def _add_spare(self) -> None:
        """Binds a blank one to the version that has asked last, where nobody else needs the place or the memory."""
        imports = self._spares.next()
        if imports is None or self._closed or self._waiting:
            return
        going = self._spares.excess(imports, self._bounds)
        if going is None or not self._memory_left(imports.memory_bytes):
            return
        for environment in going:
            self._give_up(environment, "another version needs a spare environment")
        # The blank one that it is made of is replaced: for that, too, there must be a free place.
        if not self._blank or self._staying() + self._starting >= self._bounds.environments_max:
            return
        environment = self._blank.popleft()
        self._spares.add(environment, imports)
        environment.variables = imports.variables
        environment.bind(imports.version, self._bounds, self._sandbox.settings.package_sets_inside)
        environment.prepare(imports.modules, imports.values, self._on_prepared)
        self._later("refill", _REFILL_SECONDS, self._refill)
        self._later("spares", _SPARE_IDLE_SECONDS, self._expire_spares)

    def _on_prepared(self, environment: Environment, state: dict[str, Any]) -> None:
        """It waits for its run, unless what it has imported leaves it unfit."""
        if state.get("damage") and environment in self._spares:
            self._spares.failed(environment)
            self._end(environment, "its imports closed or replaced a standard descriptor")
        self._changed()
        # There may be another version that wants one.
        self._later("spare", _SPARE_SECONDS, self._add_spare)

    def _expire_spares(self) -> None:
        for environment in self._spares.unused(_SPARE_IDLE_SECONDS):
            self._give_up(environment, "its version has not run for a while")
        if self._spares.first() is not None:
            self._later("spares", _SPARE_IDLE_SECONDS, self._expire_spares)

    def _memory_left(self, wanted_bytes: int) -> bool:
        """Whether the machine has much more left than that: what is made ahead must never be what ends a run."""
        memory = MachineMemory()
        try:
            return memory.available_bytes() - wanted_bytes > 2 * default_reserve(memory.total_bytes)
        finally:
            memory.close()

    def _hand_over(self, environment: Environment, claimant: Claimant) -> None:
        self._failures = 0
        if claimant.version is not None:
            environment.variables = claimant.variables
            environment.bind(claimant.version, self._bounds, self._sandbox.settings.package_sets_inside)
        claimant.on_environment(environment)
        self._changed()

    def _forget_idle(self, environment: Environment) -> None:
        self._idle.pop(environment, None)
        if environment.version is not None:
            stack = self._idle_by_version.get(environment.version.version_id, [])
            if environment in stack:
                stack.remove(environment)
            if not stack:
                self._idle_by_version.pop(environment.version.version_id, None)

    def _give_up(self, environment: Environment, cause: str) -> None:
        self._forget_idle(environment)
        self._spares.discard(environment)
        if environment in self._blank:
            self._blank.remove(environment)
        self._end(environment, cause)
        self._changed()

    def _end(self, environment: Environment, cause: str) -> None:
        if not environment.dead:
            self._dying.add(environment)
            environment.kill(cause)

    def _make_room(self, wanted: int) -> bool:
        """Ends idle ones until there is a place for `wanted` more, now or when they have ended; tells whether there is."""
        while self._staying() + max(wanted, self._starting) > self._bounds.environments_max:
            victim = self._spares.first() or next(iter(self._idle), None)
            if victim is None:
                return False
            self._give_up(victim, "another version needs its place")
            self._crowded_at = time.monotonic()
        return True

    def _refill(self) -> None:
        """Starts as many as are waited for, and blank ones while there is room."""
        wanted = len(self._waiting) + max(0, self._bounds.blank_environments - len(self._blank))
        while not self._closed and self._starting < min(wanted, _STARTS_MAX):
            if self._starting < len(self._waiting):
                if not self._make_room(self._starting + 1):
                    return
            elif not self._room_for_blank():
                return
            if len(self._alive) + self._starting >= self._bounds.environments_max:
                return  # The end of a dying one comes back here.
            self._starting += 1
            task = self._loop.create_task(self._start())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _import_often(self) -> None:
        if self._blank:
            self._blank[0].import_often()

    def _staying(self) -> int:
        return len(self._alive) - len(self._dying)

    def _room_for_blank(self) -> bool:
        """One blank one is worth more than the warm one that was used longest ago; further ones only fill free places."""
        if self._staying() + self._starting < self._bounds.environments_max:
            return True
        needed = not self._blank and not self._starting and len(self._idle) > 1
        return needed and self._make_room(1)

    async def _start(self) -> None:
        sandbox = self._sandbox
        try:
            environment = await self._start_blank(sandbox)
        except (SandboxUnavailable, RuntimeError, OSError, TimeoutError) as error:
            self._starting -= 1
            self._on_start_failed(error)
            return
        self._starting -= 1
        self._started_any = True
        self._alive.add(environment)
        if environment.dead:
            self._on_end(environment)
        elif sandbox is not self._sandbox:
            self._give_up(environment, "the worker's settings changed while it started")
        elif self._waiting:
            self._hand_over(environment, self._waiting.popleft())
        else:
            self._blank.append(environment)
            self._later("import", _IMPORT_SECONDS, self._import_often)
            self._changed()
            if self._spares.next() is not None:  # It may have waited for one to be made of.
                self._later("spare", _SPARE_SECONDS, self._add_spare)
        self._refill()

    async def _start_blank(self, sandbox: Sandbox) -> Environment:
        process = await sandbox.spawn()
        environment = Environment(process, self._bounds)
        environment.on_end = lambda: self._on_end(environment)
        try:
            await asyncio.wait_for(environment.ready, _READY_SECONDS)
        except BaseException:
            environment.kill("it did not start")
            raise
        return environment

    def _on_start_failed(self, error: BaseException) -> None:
        self._log.error("no environment could be started", cause=f"{type(error).__name__}: {error}")
        while self._waiting:
            self._waiting.popleft().on_refused(f"no environment could be started: {error}")
        if isinstance(error, SandboxUnavailable) and not self._started_any:
            self._on_no_sandbox(error)
        self._later("refill", self._pause(), self._refill)

    def _pause(self) -> float:
        """How long to wait after one more failure."""
        self._failures += 1
        return _BACKOFF_SECONDS[min(self._failures, len(_BACKOFF_SECONDS)) - 1]

    def _on_end(self, environment: Environment) -> None:
        started = environment in self._alive
        if environment in self._dying:
            self._spares.discard(environment)
        else:
            self._spares.failed(environment)
        for group in (self._alive, self._dying, self._outdated):
            group.discard(environment)
        blank = environment in self._blank
        if blank:
            self._blank.remove(environment)
        self._forget_idle(environment)
        if self._closed:
            return
        self._send_elsewhere(environment)
        self._changed()
        if blank:
            self._later("refill", self._pause(), self._refill)
        elif started:  # What has ended before it was ready is tried again a while later.
            self._refill()

    def _expire(self) -> None:
        """Ends what has been idle for too long; the next look is when the next one is due."""
        now = time.monotonic()
        for environment, since in list(self._idle.items()):
            if since + self._bounds.idle_seconds > now:
                self._later("expire", since + self._bounds.idle_seconds - now + 0.01, self._expire)
                return
            self._give_up(environment, "it was idle for too long")

    def _changed(self) -> None:
        self._later("inventory", _INVENTORY_SECONDS, self._say_inventory)

    def _say_inventory(self) -> None:
        recent = sorted(self._idle_by_version.items(), key=lambda item: self._idle[item[1][-1]], reverse=True)
        idle = {version_id: len(stack) for version_id, stack in recent}
        for version_id in self._spares.ready_versions():
            idle[version_id] = idle.get(version_id, 0) + 1
        warm = [pb.WarmVersion(version_id=version_id, idle=count) for version_id, count in list(idle.items())[:_INVENTORY_MAX]]
        blank = len(self._blank)
        memory = memory_bytes() + sum(environment.memory_now() for environment in self._alive)
        crowded = time.monotonic() - self._crowded_at < _CROWDED_SECONDS
        total = len(self._alive)
        self._say(
            pb.Inventory(warm_versions=warm, environments=total, blank_environments=blank, memory_bytes=memory, crowded=crowded)
        )
        if any(environment.tenant is not None for environment in self._alive):
            self._later("memory", _MEMORY_SECONDS, self._say_inventory)

    def _later(self, name: str, delay: float, call: Callable[[], None]) -> None:
        """At most one timer of each name; it keeps its first time."""
        if name in self._timers or self._closed:
            return

        def fire() -> None:
            del self._timers[name]
            call()

        self._timers[name] = self._loop.call_later(delay, fire)
