"""What the runner says, carried out."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from typing import Any

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.bounds import Bounds, bounds_from
from millrace_worker.host.checks import Check
from millrace_worker.host.log import Log
from millrace_worker.host.outbox import LAZY_SECONDS, Outbox
from millrace_worker.host.pool import Pool
from millrace_worker.host.run import Run
from millrace_worker.host.timers import Deadlines, Soon
from millrace_worker.host.tracing import Tracing
from millrace_worker.host.versions import Version, version_from
from millrace_worker.sandbox import Sandbox, SandboxUnavailable


class Worker:
    """The runs and versions of one session."""

    def __init__(self, outbox: Outbox, tracing: Tracing, log: Log, make_sandbox: Callable[[Bounds], Sandbox]) -> None:
        self.outbox = outbox
        self.tracing = tracing
        self.bounds = Bounds()
        self.deadlines = Deadlines[Run](Run.on_deadline)
        #: Steps that have begun a moment ago: of most there is nothing to say before their end.
        self.starts = Soon[Run](LAZY_SECONDS, Run.say_started)
        self.drained = asyncio.Event()
        #: Why there will be no environments at all; set when not even the first one could be started.
        self.broken: asyncio.Future[SandboxUnavailable] = asyncio.get_running_loop().create_future()
        self._log = log
        self._make_sandbox = make_sandbox
        self._sandboxes: list[Sandbox] = []
        self._pool: Pool | None = None
        self._runs: dict[str, Run] = {}
        self._versions: dict[str, Version] = {}
        self._draining = False
        self._executions = itertools.count(1)
        self._nonce = os.urandom(5).hex()
        self._handlers: dict[str, Callable[[Any], None]] = {
            "configure": self._configure,
            "load_version": self._load_version,
            "unload_version": self._unload_version,
            "start_run": self._start_run,
            "proceed": self._proceed,
            "end_run": self._end_run,
            "kill_run": self._kill_run,
            "renew": self._renew,
            "drain": self._drain,
            "check_version": self._check_version,
            "call_result": self._call_result,
        }

    @property
    def pool(self) -> Pool:
        """The environments; there once the runner has configured the worker."""
        if self._pool is None:
            self._configure(pb.Configure())
        assert self._pool is not None
        return self._pool

    def next_execution_id(self) -> str:
        """Unique in the house for as long as anybody compares them."""
        return f"{self._nonce}-{next(self._executions)}"

    def handle(self, response: pb.SessionResponse) -> None:
        """Obeys a message of the runner's."""
        for frame in response.frames:
            kind = frame.WhichOneof("frame")
            if kind is None:  # A newer runner's; the contract says which ones matter.
                continue
            self._handlers[kind](getattr(frame, kind))

    def drain(self) -> None:
        """Takes no more runs; `drained` is set when the last one is gone."""
        self._draining = True
        self._look_whether_drained()

    async def close(self) -> None:
        """Ends every environment."""
        if self._pool is not None:
            await self._pool.close()
        for sandbox in self._sandboxes:
            await sandbox.close()

    def on_run_gone(self, run: Run) -> None:
        """A run has said its last word."""
        run_id = run.assignment.run_id
        if self._runs.get(run_id) is run:
            del self._runs[run_id]
        self._look_whether_drained()

    def _look_whether_drained(self) -> None:
        if self._draining and not self._runs:
            self.drained.set()

    def _configure(self, message: pb.Configure) -> None:
        bounds = bounds_from(message)
        if self._pool is None or bounds.sandbox != self.bounds.sandbox:
            self._sandboxes.append(self._make_sandbox(bounds))
        if self._pool is None:
            self._pool = Pool(self._sandboxes[-1], bounds, self._log, self._say_inventory, self._on_no_sandbox)
            self._pool.open()
        elif bounds != self.bounds:
            self._pool.change(self._sandboxes[-1], bounds)
        self.bounds = bounds

    def _on_no_sandbox(self, error: SandboxUnavailable) -> None:
        if not self.broken.done():
            self.broken.set_result(error)

    def _say_inventory(self, inventory: pb.Inventory) -> None:
        self.outbox.lazy(pb.WorkerFrame(inventory=inventory))

    def _load_version(self, message: pb.LoadVersion) -> None:
        version = version_from(message)
        if self._versions.get(message.version_id) != version:  # The same one again keeps its warm environments.
            self._versions[message.version_id] = version

    def _unload_version(self, message: pb.UnloadVersion) -> None:
        self._versions.pop(message.version_id, None)
        self.pool.unload(message.version_id)

    def _start_run(self, message: pb.StartRun) -> None:
        run_id, number = message.assignment.run_id, message.assignment.number
        held = self._runs.get(run_id)
        if held is not None and held.assignment.number >= number:
            return
        if held is not None:
            held.kill(pb.GONE_CAUSE_KILLED, "the run was handed out again")
        version = self._versions.get(message.version_id)
        if version is None or self._draining:
            self._refuse(message.assignment, "the worker is draining" if version else "the version is not loaded")
            return
        run = Run(self, version, message)
        if run.complete:
            self._refuse(message.assignment, "every step of the version is done already")
            return
        self._runs[run_id] = run
        self.pool.claim_turn(run)

    def _refuse(self, assignment: pb.Assignment, message: str) -> None:
        gone = pb.RunGone(assignment=assignment, cause=pb.GONE_CAUSE_REFUSED, message=message)
        self.outbox.eager(pb.WorkerFrame(run_gone=gone))

    def _run_of(self, assignment: pb.Assignment) -> Run | None:
        run = self._runs.get(assignment.run_id)
        return run if run is not None and run.assignment.number == assignment.number else None

    def _proceed(self, message: pb.Proceed) -> None:
        if run := self._run_of(message.assignment):
            run.proceed(message.path)

    def _end_run(self, message: pb.EndRun) -> None:
        if run := self._run_of(message.assignment):
            run.end()

    def _kill_run(self, message: pb.KillRun) -> None:
        if run := self._run_of(message.assignment):
            run.kill(pb.GONE_CAUSE_KILLED, "killed")

    def _renew(self, message: pb.Renew) -> None:
        for life in message.lives:
            if run := self._run_of(life.assignment):
                run.renew(life)

    def _call_result(self, message: pb.HostCallResult) -> None:
        if run := self._run_of(message.assignment):
            run.call_answered(message)

    def _drain(self, _message: pb.Drain) -> None:
        self.drain()

    def _check_version(self, message: pb.CheckVersion) -> None:
        check = Check(message, lambda checked: self.outbox.eager(pb.WorkerFrame(version_checked=checked)))
        if not check.too_large():
            self.pool.claim(check)
