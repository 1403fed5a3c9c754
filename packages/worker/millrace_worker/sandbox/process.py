"""One execution environment as the worker's host sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .accounting import MAIN_PID, ProcessTable, Usage
from .limits import Limits, TmpBound, first_child
from .pace import Pace
from .settings import MIB

if TYPE_CHECKING:
    from .cgroups import Cgroup
    from .launcher import Sandbox
    from .network import Uplink

T = TypeVar("T")

_REAP_ROUNDS = 100
_NICENESS = 10
_NO_STRAYS: tuple[list[int], set[int]] = ([], set())


@dataclass(frozen=True)
class ExitInfo:
    """How an EE ended. `kind` is stable; `message` is one sentence for the person who wrote the step."""

    kind: str
    """exited, signalled, out_of_memory, too_many_processes, too_many_files, tmp_full, killed (by the host) or lost (from outside)."""
    message: str
    exit_code: int | None = None
    signal: int | None = None
    cause: str = ""


class SandboxedProcess:
    """A running EE. The four descriptors are the caller's; everything else is watched by the sandbox's own thread."""

    def __init__(self, sandbox: Sandbox, identity: int, limits: Limits) -> None:
        self.id = identity
        self.limits = limits
        self.group: Cgroup | None = None
        self.uplink: Uplink | None = None
        self.pace: Pace | None = None
        self.pid = 0
        self.control_reader = self.control_writer = self.stdout = self.stderr = -1
        self.exit_info: ExitInfo | None = None
        self.last_memory_bytes = 0
        self.tmp_held = False
        self.watched = self.frozen = False
        self.idle_since = 0.0
        self.next_look = 0.0
        self.uid = 0
        self.table: ProcessTable | None = None
        self.popen: subprocess.Popen[bytes] | None = None
        self.popen_pidfd = self.pidfd = self.status_fd = self.lifeline_fd = self.info_fd = -1
        self.unsafe = False
        self._sandbox = sandbox
        self._verdict: ExitInfo | None = None
        self._abandoned = False
        self._tmp: TmpBound | None = None
        # Re-entrant, because freezing is one step to watch() and many to freeze().
        self._lock = threading.RLock()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[ExitInfo]]] = []

    @property
    def condemned(self) -> bool:
        """Whether somebody has already decided that it ends."""
        return self._verdict is not None

    def adopt_init(self, tmp_descriptor: int) -> None:
        """Find the namespace's init on the host, by what bubblewrap told and the kernel confirms. The sandbox's thread only.

        `tmp_descriptor` is init's number of the /tmp that it has opened for changes."""
        assert self.popen is not None
        if self.unsafe:
            self.pid = self.popen.pid
            return
        pid = int(json.loads(os.read(self.info_fd, 4096))["child-pid"])
        pidfd = os.pidfd_open(pid)
        try:
            with open(f"/proc/{pid}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            if parent != self.popen.pid:
                raise ProcessLookupError(f"process {pid} is not bubblewrap's child")
            table = ProcessTable(pid)
        except BaseException:  # It may have ended meanwhile.
            os.close(pidfd)
            raise
        with self._lock:
            self.pid, self.pidfd, self.table = pid, pidfd, table
            self._tmp = TmpBound(pidfd, tmp_descriptor)
            self._apply_limits()

    def set_limits(self, limits: Limits) -> None:
        """The limits of the version that this EE is bound to, before any code of it runs; they hold from now on."""
        with self._lock:
            # Most are bound to a version that says nothing, on the way of a cold start.
            if limits != self.limits:
                self.limits = limits
                self._apply_limits()

    def _apply_limits(self) -> None:
        limits = self.limits
        self.next_look = 0.0
        if self.unsafe or self.table is None or self._tmp is None:
            return
        self.tmp_held = self._tmp.set(limits.tmp_bytes)
        if self.group is not None:
            self.group.set_memory(limits.memory_bytes, limits.tmp_bytes, self._sandbox.settings.shm_bytes)
            self.group.set_processes(limits.processes)
        if limits.cpu_millis:
            self._limit_cpu(limits.cpu_millis)

    def _limit_cpu(self, millis: int) -> None:
        """By the EE's control group, else by the watchdog, which makes it stand still."""
        main = first_child(self.pid)
        group = self.group
        if group is None or not group.bounds("cpu"):
            self.pace = Pace(millis)
            yield_to_others(main)
            return

        def join() -> None:
            try:
                group.set_cpu(millis, main)
            except OSError as error:
                self.condemn(ExitInfo("lost", f"its share of the processors could not be set ({error})"))
            self.signal_main(signal.SIGCONT)

        # The kernel takes its time; nothing of the version's may run before.
        self.signal_main(signal.SIGSTOP)
        threading.Thread(target=join, name="millrace-cpu", daemon=True).start()

    def watch(self) -> None:
        """A run starts: look at memory and processes from now on, and let it run again if it was frozen."""
        with self._lock:
            scheduled = self.looked_at
            self.watched = True
            if self.frozen:
                self.frozen = False
                self.signal_main(signal.SIGCONT)
            if self.pace is not None:
                self.pace.begin(self.cpu_seconds())
        self._sandbox.watch(self, scheduled)

    def unwatch(self) -> None:
        """The run ended. A moment later the EE is frozen, so that it costs nothing and can do nothing until the next."""
        with self._lock:
            if self.watched:
                self.watched = False
                self.idle_since = time.monotonic()

    @property
    def looked_at(self) -> bool:
        """Whether user code may be running in it: in a run, and after the first one whenever it is not frozen."""
        return self.watched or (self.idle_since > 0 and not self.frozen)

    def freeze(self) -> None:
        """Stop the main Python, threads that hide from it included, and end whatever else is there. The sandbox's thread only."""
        with self._lock:
            if self.watched or self.frozen:
                return
            # First the main Python: what it starts after its last look at itself would be missed otherwise.
            self.signal_main(signal.SIGSTOP)
            self.frozen = True
            self.reap_strays()

    def kill(self, cause: str = "") -> None:
        """End the EE, every process of it. The first verdict stands, so a kill after an overrun keeps the overrun's."""
        self.condemn(ExitInfo("killed", f"killed: {cause}" if cause else "killed", cause=cause))

    def signal_main(self, number: int) -> bool:
        """Send a signal to the main Python and to no other process, whatever became of its number; False when it is gone."""
        if self.unsafe:
            return signal_first_child(self.pid, number)
        return self._with_table(lambda table: table.kill(MAIN_PID, number), False)

    def condemn(self, verdict: ExitInfo) -> None:
        """Kill with the reason that ExitInfo will show."""
        with self._lock:
            if self.exit_info is not None:
                return
            if self._verdict is None:
                self._verdict = verdict
            with contextlib.suppress(ProcessLookupError):
                if self.unsafe and self.popen is not None:
                    kill_tree(self.popen.pid)
                elif self.pidfd >= 0:
                    # SIGKILL to the init of a pid namespace is SIGKILL to all of it.
                    signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
                elif self.popen is not None:
                    self._end_start()

    def _end_start(self) -> None:
        """End what bubblewrap is still about to make. Never by a signal to bubblewrap: whatever it has cloned by then would wait
        for it for ever. Its init ends at once, or as soon as it looks at its lifeline, and bubblewrap with it."""
        if self.lifeline_fd >= 0:
            os.close(self.lifeline_fd)
            self.lifeline_fd = -1
        with contextlib.suppress(OSError, ValueError):
            pid = int(json.loads(os.read(self.info_fd, 4096))["child-pid"])
            if self.popen is not None and pid in children_of(self.popen.pid):
                os.kill(pid, signal.SIGKILL)

    def end_stuck_start(self) -> None:
        """After a start that has taken far too long: whatever bubblewrap has cloned, then bubblewrap itself."""
        if self.popen is not None and self.popen.poll() is None:
            for pid in (*children_of(self.popen.pid), self.popen.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def abandon(self) -> None:
        """Kill what nobody will ever hold; its descriptors are closed when it is gone, not under the thread that reads them."""
        with self._lock:
            self._abandoned = True
            over = self.exit_info is not None
        self.kill("the start was given up")
        if over:
            self.close_fds()

    async def wait(self) -> ExitInfo:
        """The end of the EE; every process of it is gone by then."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ExitInfo] = loop.create_future()
        with self._lock:
            if self.exit_info is not None:
                return self.exit_info
            self._waiters.append((loop, future))
        return await future

    def usage(self) -> Usage:
        """What it uses now, counted exactly; zeros when it is dead."""
        return self._with_table(ProcessTable.exact_usage, Usage())

    def cpu_seconds(self) -> float:
        """Processor time of all its processes, those that have ended included."""
        return self._with_table(ProcessTable.cpu_seconds, 0.0)

    def signal_all(self, number: int) -> None:
        """Send a signal to every process but init."""
        for pid in self._with_table(ProcessTable.pids, []):
            if pid >= MAIN_PID:
                self._with_table(lambda table: table.kill(pid, number), False)  # noqa: B023

    def stray_pids(self) -> list[int]:
        """Processes that run beside init and the main Python, by the EE's own numbers."""
        return self._with_table(ProcessTable.strays, _NO_STRAYS)[0]

    def reap_strays(self) -> int:
        """Kill what a run left behind; returns how many there were. On return none of them runs user code or can fork
        again, though on a busy machine some may need a moment to be gone. What forks faster than it is killed ends the EE.

        A process that was alive when all were listed, and dead when it was looked at, may have forked in between: hence
        another round until one shows nothing new, living or dead.
        """
        killed, seen = set[int](), set[int]()
        for _ in range(_REAP_ROUNDS):
            running, zombies = self._with_table(ProcessTable.strays, _NO_STRAYS)
            found = {*running, *zombies}
            if found <= seen:
                return len(killed)
            seen |= found
            killed |= {pid for pid in running if self._with_table(lambda table: table.kill(pid), False)}  # noqa: B023
        self.condemn(
            ExitInfo(
                "too_many_processes",
                "killed: the run left processes behind that started new ones faster than they could be ended",
            )
        )
        return len(killed)

    def close_fds(self) -> None:
        """Close the four descriptors that the caller was given and has not closed itself."""
        for name in ("control_reader", "control_writer", "stdout", "stderr"):
            descriptor = getattr(self, name)
            setattr(self, name, -1)
            if descriptor >= 0:
                os.close(descriptor)

    def finish(self, info: ExitInfo) -> None:
        """Called once by the sandbox's thread when nothing of the EE is left."""
        with self._lock:
            self.exit_info = self._verdict or info
            self.watched = False
            waiters, self._waiters = self._waiters, []
            for descriptor in (self.pidfd, self.status_fd, self.lifeline_fd, self.info_fd):
                if descriptor >= 0:
                    os.close(descriptor)
            self.pidfd = self.status_fd = self.lifeline_fd = self.info_fd = -1
            if self.table is not None:
                self.table.close()
                self.table = None
            if self._tmp is not None:
                self._tmp.close()
            if self.group is not None:
                if self._verdict is None and self.group.out_of_memory():
                    self.exit_info = out_of_memory_in_group(self.limits)
                self.group.remove()
        if self._abandoned:
            self.close_fds()
        for loop, future in waiters:
            with contextlib.suppress(RuntimeError):  # that loop has been closed; nobody waits there any more
                loop.call_soon_threadsafe(_resolve, future, self.exit_info)

    def _with_table(self, look: Callable[[ProcessTable], T], default: T) -> T:
        with self._lock:
            return look(self.table) if self.table is not None else default


def exit_info_from_status(status: str) -> ExitInfo:
    """What init.py wrote about the main Python's end; nothing when the sandbox was torn down around it."""
    word, _, number = status.strip().rpartition("\n")[2].partition(" ")
    if word == "exit" and number.isdecimal():
        return ExitInfo("exited", f"exited with code {number}", exit_code=int(number))
    if word == "signal" and number.isdecimal():
        return ExitInfo("signalled", f"killed by signal {number} ({_signal_name(int(number))})", signal=int(number))
    return lost()


def lost() -> ExitInfo:
    return ExitInfo("lost", "the sandbox was killed from outside")


def out_of_memory(used_bytes: int, limit_bytes: int) -> ExitInfo:
    used, limit = -(-used_bytes // MIB), limit_bytes // MIB
    return ExitInfo("out_of_memory", f"out of memory at {used} MB (limit {limit} MB)")


def out_of_memory_in_group(limits: Limits) -> ExitInfo:
    memory, tmp = limits.memory_bytes // MIB, limits.tmp_bytes // MIB
    text = f"out of memory: with what the kernel holds for it, more than its {memory} MB of memory and {tmp} MB of /tmp together"
    return ExitInfo("out_of_memory", text)


def tmp_full(used_bytes: int, limit_bytes: int) -> ExitInfo:
    used, limit = -(-used_bytes // MIB), limit_bytes // MIB
    return ExitInfo("tmp_full", f"{used} MB in /tmp (limit {limit} MB)")


def machine_out_of_memory(memory_bytes: int, tmp_bytes: int) -> ExitInfo:
    held = f"{memory_bytes // MIB} MB of memory and {tmp_bytes // MIB} MB in /tmp"
    return ExitInfo("out_of_memory", f"killed because the machine ran out of memory; this environment held most: {held}")


def too_many_processes(count: int, limit: int) -> ExitInfo:
    return ExitInfo("too_many_processes", f"{count} processes and threads (limit {limit})")


def signal_first_child(pid: int, number: int) -> bool:
    """Without a sandbox: init's first child is the main Python, as far as numbers can tell."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            os.kill(int(file.read().split()[0]), number)
        return True
    except (OSError, IndexError):
        return False


def kill_tree(pid: int) -> None:
    """Without a sandbox: the process and what descends from it now. A daemon that forked twice gets away."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{int(name)}/stat") as file:
                children.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    for victim in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(victim, signal.SIGKILL)


def children_of(pid: int) -> list[int]:
    """Children of a process that has one thread; none when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
    return []


def too_many_files(count: int, limit: int) -> ExitInfo:
    return ExitInfo("too_many_files", f"{count} open files in all its processes (limit {limit})")


def yield_to_others(pid: int) -> None:
    """Whoever may not have a processor to itself gets what others leave, too."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _resolve(future: asyncio.Future[ExitInfo], info: ExitInfo) -> None:
    if not future.done():
        future.set_result(info)
