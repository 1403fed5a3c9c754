"""Starts EEs and watches them, in one thread of its own.

A thread of its own because the event loop may be late by tens of milliseconds under
load, in which a program can take hundreds of megabytes.

States of an EE: starting (bubblewrap runs, init.py has not said "ready") → running → ended. It ends when its init is gone
and with it, by the kernel's rule for pid namespaces, every process of it. Nothing survives the worker: init holds a lifeline pipe whose
other end only the worker has, and asks for a SIGKILL at bubblewrap's death; bubblewrap ends when its child, init, does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from . import bubblewrap
from .cgroups import Cgroup, Cgroups, find_cgroups
from .limits import Limits
from .machine import MachineMemory, default_reserve
from .network import Uplink
from .pace import Pace
from .process import (
    ExitInfo,
    SandboxedProcess,
    exit_info_from_status,
    lost,
    machine_out_of_memory,
    out_of_memory,
    tmp_full,
    too_many_files,
    too_many_processes,
)
from .settings import MIB, SandboxSettings, SandboxUnavailable
from .start import describe_failed_start, start_bubblewrap
from .uids import UidBlock

_FASTEST_GROWTH = 8192 * MIB
"""Bytes a second that one core can take, as measured: 8 GiB with huge pages, 1.9 GiB without. Several cores take more."""
_SHORTEST_LOOK_S, _LONGEST_LOOK_S = 0.005, 0.1
_PACE_LOOK_S = 0.05
# With many EEs each would else be a waking of its own, which goes through the list of all.
_LOOK_TOGETHER_S = 0.005
_STATUS_BYTES = 32
_NETWORK_REMEDY = "Try slirp4netns and nft by hand in a network namespace (unshare -n); in Docker they need --cap-add NET_ADMIN."
_AFTER_GUARD_S = 0.5
_INSIDE_UID = 1000
_EXIT_BROKEN = 70


class _Start:
    """A start under way: what to tell whom when it is done."""

    def __init__(self, done: Callable[[SandboxUnavailable | None], None], deadline: float) -> None:
        self.done = done
        self.deadline = deadline


class Sandbox:
    """The EEs of one worker. `spawn` from an event loop; everything else from anywhere."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._jobs: list[Callable[[], None]] = []
        self._processes: set[SandboxedProcess] = set()
        self._starts: dict[SandboxedProcess, _Start] = {}
        self._sleeping_until = 0.0
        self._closing = self._precompiled = False
        self._count = 0
        self._memory: MachineMemory | None = None
        self._reserve = 0
        self._next_guard = 0.0
        self._uids: UidBlock | None = None
        self._cgroups: Cgroups | None = None

    def check(self) -> None:
        """Raise SandboxUnavailable, with the checks that failed, unless an EE can be started here."""
        from .probe import assert_available

        assert_available(self.settings)

    async def spawn(self, extra_binds: tuple[tuple[Path, str], ...] = ()) -> SandboxedProcess:
        """One blank EE, its runtime started. Cancelling kills it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._count += 1
        limits = Limits(self.settings.memory_limit_bytes, self.settings.tmp_bytes, self.settings.process_limit)
        process = SandboxedProcess(self, self._count, limits)

        def done(error: SandboxUnavailable | None) -> None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, future, error)

        self._submit(lambda: self._launch(process, extra_binds, done))
        try:
            await future
        except BaseException:
            process.abandon()
            raise
        return process

    async def close(self) -> None:
        """Kill every EE, wait until they are gone, end the thread."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            if not self._closing:
                self._submit(self._shut_down)
            await asyncio.to_thread(thread.join)
        with self._lock:
            self._closing = True
            for descriptor in (self._wake_reader, self._wake_writer):
                if descriptor >= 0:
                    os.close(descriptor)
            self._wake_reader = self._wake_writer = -1
        if self._uids is not None:
            self._uids.close()
            self._uids = None
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        if self._cgroups is not None:
            self._cgroups.close()
            self._cgroups = None

    def watch(self, process: SandboxedProcess, scheduled: bool) -> None:
        """A run begins, in an EE that is looked at already (`scheduled`) or not; wakes the thread only if it sleeps beyond the look."""
        headroom = process.limits.memory_bytes - process.last_memory_bytes
        due = time.monotonic() + look_interval(headroom)
        # An EE whose runs follow one another closely keeps its schedule: each new run would otherwise put the look off.
        process.next_look = min(due, process.next_look) if scheduled else due
        if self._sleeping_until > process.next_look:
            self._wake()

    # ---- everything below runs in the thread ----

    def _submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._closing:
                raise SandboxUnavailable("The sandbox has been closed.")
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="millrace-sandbox", daemon=True)
                self._thread.start()
        self._wake()

    def _wake(self) -> None:
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._wake_writer >= 0:
                os.write(self._wake_writer, b"\0")

    def _run(self) -> None:
        try:
            self._loop()
        except BaseException:
            # A worker whose EEs nobody watches must not go on; they die with it, and the runner starts another.
            traceback.print_exc()
            os._exit(_EXIT_BROKEN)

    def _loop(self) -> None:
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._drain_wake)
        while not (self._closing and not self._processes and not self._jobs):
            # Until the time is known, whoever begins to watch must wake this thread.
            self._sleeping_until = float("inf")
            timeout = self._look_at_all()
            if timeout is not None:
                self._sleeping_until = time.monotonic() + timeout
            events = self._selector.select(timeout)
            self._sleeping_until = 0.0
            for key, _ in events:
                # One event of a batch may have ended what the next one is about.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            with self._lock:
                jobs, self._jobs = self._jobs, []
            for job in jobs:
                job()
        self._selector.close()

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)

    def _shut_down(self) -> None:
        with self._lock:
            self._closing = True
        for process in list(self._processes):
            process.kill("the worker is ending")

    def _launch(
        self,
        process: SandboxedProcess,
        extra_binds: tuple[tuple[Path, str], ...],
        done: Callable[[SandboxUnavailable | None], None],
    ) -> None:
        try:
            if self._closing:
                raise SandboxUnavailable("The sandbox has been closed.")
            if not self._precompiled:
                bubblewrap.precompile(self.settings)
                self._precompiled = True
            if not process.condemned:
                process.group = self._make_group(process.id)
                start_bubblewrap(self.settings, process, self._take_uid(), extra_binds)
        except (SandboxUnavailable, OSError) as error:
            self._finish(process, ExitInfo("lost", "never started"))
            done(error if isinstance(error, SandboxUnavailable) else SandboxUnavailable(f"Could not start bubblewrap: {error}."))
            return
        if process.popen is None:
            self._finish(process, lost())
            done(SandboxUnavailable("The start was given up."))
            return
        self._processes.add(process)
        self._starts[process] = _Start(done, time.monotonic() + self.settings.start_timeout_s)
        self._selector.register(process.popen_pidfd, selectors.EVENT_READ, lambda: self._on_bubblewrap_exit(process))
        self._selector.register(process.status_fd, selectors.EVENT_READ, lambda: self._on_status(process))

    def _take_uid(self) -> int:
        if self.settings.unsafe or not bubblewrap.is_root():
            return _INSIDE_UID
        if self._uids is None:
            self._uids = UidBlock(self.settings)
        return self._uids.take()

    def _make_group(self, identity: int) -> Cgroup | None:
        if self.settings.unsafe:
            return None
        if self._cgroups is None:
            self._cgroups = Cgroups(find_cgroups(self.settings))
        try:
            return self._cgroups.make(identity)
        except OSError as error:
            # They were there when the worker started: to go on without them would be to lose a wall unseen.
            raise SandboxUnavailable(f"Could not make a control group: {error}.") from error

    def _on_status(self, process: SandboxedProcess) -> None:
        """init.py said "ready" and its number of /tmp, or died before it could."""
        self._selector.unregister(process.status_fd)
        word, _, number = os.read(process.status_fd, _STATUS_BYTES).partition(b" ")
        if word != b"ready":
            self._fail_start(process, describe_failed_start(process))
            return
        try:
            process.adopt_init(int(number))
        except (OSError, ValueError) as error:
            if process.condemned:  # Who gave it up has read what bubblewrap told.
                self._fail_start(process, SandboxUnavailable("The start was given up."))
                return
            remedy = "The worker must be allowed to look into its EEs: give it CAP_SYS_PTRACE."
            self._fail_start(process, SandboxUnavailable(f"Cannot read the EE's /proc: {error}.", remedy))
            return
        if process.pidfd >= 0:
            self._selector.register(process.pidfd, selectors.EVENT_READ, lambda: self._on_init_exit(process))
        if self.settings.network == "internet" and not self.settings.unsafe:
            self._connect(process)
        else:
            self._on_started(process)

    def _on_started(self, process: SandboxedProcess) -> None:
        self._starts.pop(process).done(None)
        if process.condemned:
            process.kill()

    def _connect(self, process: SandboxedProcess) -> None:
        """Its network: first the rules, then what they are about; it has started when both are there."""
        try:
            uplink = process.uplink = Uplink(self.settings, process.pid)
        except (SandboxUnavailable, OSError) as error:
            unavailable = error if isinstance(error, SandboxUnavailable) else SandboxUnavailable(f"No network: {error}.")
            self._fail_start(process, unavailable)
            return
        waiting = {"rules", "carrier"}

        def arrived(name: str, descriptor: int, well: Callable[[], bool]) -> None:
            self._selector.unregister(descriptor)
            if not well():
                self._fail_start(
                    process, SandboxUnavailable(f"The {name} of the EE's network could not be made.", _NETWORK_REMEDY)
                )
                return
            waiting.discard(name)
            if not waiting and process in self._starts:
                self._on_started(process)

        def lost_carrier() -> None:
            self._selector.unregister(uplink.carrier_pidfd)
            self._fail_start(process, SandboxUnavailable("slirp4netns has ended.", _NETWORK_REMEDY))

        read = selectors.EVENT_READ
        self._selector.register(uplink.rules_pidfd, read, lambda: arrived("rules", uplink.rules_pidfd, uplink.rules_hold))
        self._selector.register(uplink.ready_fd, read, lambda: arrived("carrier", uplink.ready_fd, uplink.is_ready))
        self._selector.register(uplink.carrier_pidfd, read, lost_carrier)

    def _fail_start(self, process: SandboxedProcess, error: SandboxUnavailable) -> None:
        start = self._starts.pop(process, None)
        process.kill(error.cause)
        if start is not None:
            start.done(error)

    def _on_init_exit(self, process: SandboxedProcess) -> None:
        """The namespace is empty. bubblewrap ends by itself and is reaped when it does."""
        self._selector.unregister(process.pidfd)
        self._finish(process, exit_info_from_status(_read_rest(process.status_fd)))
        self._forget_when_over(process)

    def _on_bubblewrap_exit(self, process: SandboxedProcess) -> None:
        self._selector.unregister(process.popen_pidfd)
        os.close(process.popen_pidfd)
        assert process.popen is not None
        process.popen.wait()
        process.popen_pidfd = -1
        if process in self._starts:
            # Init may have ended first, and its descriptors with it.
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(process.status_fd)
            self._fail_start(process, describe_failed_start(process))
        if process.pidfd < 0 or process.exit_info is not None:
            self._finish(process, exit_info_from_status(_read_rest(process.status_fd)))
        else:
            # Somebody killed bubblewrap: its namespace must not outlive it.
            process.condemn(lost())
        self._forget_when_over(process)

    def _forget_when_over(self, process: SandboxedProcess) -> None:
        if process.exit_info is not None and process.popen_pidfd < 0:
            self._processes.discard(process)

    def _finish(self, process: SandboxedProcess, info: ExitInfo) -> None:
        if process.exit_info is not None:
            return
        if self._uids is not None and process.uid:
            self._uids.give_back(process.uid)
        if process.uplink is not None:
            process.uplink.close(self._forget_descriptor)
        process.finish(info)

    def _forget_descriptor(self, descriptor: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    # ---- the watchdog ----

    def _look_at_all(self) -> float | None:
        """Look at every EE that is due; the seconds until the next one is, or None."""
        now = time.monotonic()
        soonest = float("inf")
        for process in list(self._processes):
            start = self._starts.get(process)
            if start is not None:
                if now >= start.deadline:
                    late = SandboxUnavailable(f"The sandbox did not start in {self.settings.start_timeout_s} s.")
                    self._fail_start(process, late)
                    process.end_stuck_start()
                soonest = min(soonest, start.deadline)
            elif process.looked_at and process.table is not None:
                if now >= process.next_look - _LOOK_TOGETHER_S:
                    self._look_or_kill(process)
                soonest = min(soonest, process.next_look)
                self._guard_machine()
        return None if soonest == float("inf") else max(soonest - time.monotonic(), 0.0)

    def _look_or_kill(self, process: SandboxedProcess) -> None:
        try:
            if not process.watched and time.monotonic() >= process.idle_since + self.settings.freeze_after_s:
                process.freeze()
            else:
                self._look(process)
        except (OSError, ValueError) as error:
            process.condemn(ExitInfo("lost", f"killed: what it uses could not be read any more ({error})"))

    def _guard_machine(self) -> None:
        """At most ten times a second, while anything runs: end the largest EE before the machine is out of memory."""
        now = time.monotonic()
        if now < self._next_guard:
            return
        self._next_guard = now + _LONGEST_LOOK_S
        if self._memory is None:
            self._memory = MachineMemory()
            self._reserve = self.settings.machine_reserve_bytes or default_reserve(self._memory.total_bytes)
        if self._memory.available_bytes() >= self._reserve:
            return
        held = [(process.usage(), process) for process in self._processes if process.table is not None]
        usage, process = max(held, key=lambda one: one[0].memory_bytes + one[0].tmp_bytes)
        process.condemn(machine_out_of_memory(usage.memory_bytes, usage.tmp_bytes))
        # What it held takes a moment to come back.
        self._next_guard = time.monotonic() + _AFTER_GUARD_S

    def _look(self, process: SandboxedProcess) -> None:
        assert process.table is not None
        begun = time.monotonic()
        limits, limit = process.limits, process.limits.memory_bytes
        usage = process.table.quick_usage()
        if usage.memory_bytes > limit:
            usage = process.table.exact_usage()
        if usage.memory_bytes > limit:
            process.condemn(out_of_memory(usage.memory_bytes, limit))
        elif usage.threads > limits.processes:
            process.condemn(too_many_processes(usage.threads, limits.processes))
        elif usage.open_files > self.settings.open_files_total:
            process.condemn(too_many_files(usage.open_files, self.settings.open_files_total))
        elif not process.tmp_held and (used := process.table.tmp_bytes()) > limits.tmp_bytes:
            process.condemn(tmp_full(used, limits.tmp_bytes))
        process.last_memory_bytes = usage.memory_bytes
        # Where counting itself is slow (large, many processes) it gets a third of the time and no more.
        # Between runs, when it has said that nothing of the last one is left, it is looked at as rarely as the whole machine.
        interval = look_interval(limit - usage.memory_bytes) if process.watched else _LONGEST_LOOK_S
        pause = max(interval, 2 * (time.monotonic() - begun))
        process.next_look = time.monotonic() + pause
        if process.pace is not None:
            self._keep_pace(process, process.pace)

    def _keep_pace(self, process: SandboxedProcess, pace: Pace) -> None:
        """Stop an EE that has had more than its share of the processors, and let it go on when its time has come."""
        now = time.monotonic()
        if pace.held_until > now:
            # What was being forked while the others were stopped.
            process.signal_all(signal.SIGSTOP)
        elif pace.held_until:
            pace.go_on(process.cpu_seconds())
            process.signal_all(signal.SIGCONT)
        elif pace.look(process.cpu_seconds()):
            process.signal_all(signal.SIGSTOP)
        process.next_look = min(process.next_look, pace.held_until or now + _PACE_LOOK_S)


def look_interval(headroom_bytes: int) -> float:
    """Seconds until a program that takes memory as fast as it can would be at its limit."""
    return min(max(headroom_bytes / _FASTEST_GROWTH, _SHORTEST_LOOK_S), _LONGEST_LOOK_S)


def _read_rest(descriptor: int) -> str:
    with contextlib.suppress(OSError):
        return os.read(descriptor, 256).decode(errors="replace")
    return ""


def _settle(future: asyncio.Future[None], error: SandboxUnavailable | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
