"""One execution environment, seen from the worker: its channel, its output, its end.

launched -> (READY) blank -> (bind) bound; from then on it serves a run, cleans up after it, and waits for the next one,
until it is killed or dies. Whatever arrives on the channel was written by a process that runs user code: it is checked
for form and size, and anything else ends the environment.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from millrace_worker.generated import step_pb2 as step_pb
from millrace_worker.host.bounds import Bounds
from millrace_worker.host.stacks import StackRequest
from millrace_worker.host.versions import Version
from millrace_worker.runtime.millrace_runtime import frames
from millrace_worker.sandbox import ExitInfo, SandboxedProcess

if TYPE_CHECKING:
    from millrace_worker.host.run import Run

_FROM_ENVIRONMENT = frozenset(range(frames.READY, frames.PREPARED + 1))
# What is larger is mapped by the C library for each read, and unmapped again; the rest of something large comes in large pieces.
_READ_BYTES = 1 << 16
_READ_BYTES_MAX = 1 << 18
# Beside a step's result, a frame holds its failure, headers and names.
_FRAME_OVERHEAD_BYTES = 1 << 18
_CLOSED_SECONDS = 0.3
# Longer than short steps take on a machine that has all hands full: to begin and end listening costs four system calls.
_LISTEN_SECONDS = 0.05
_OUTPUT_BYTES = 1 << 16
_DRAIN_READS_MAX = 128
_LAST_READS_MAX = 32
# Headers are parsed here, where every other run of the worker waits for it; what may be large travels in segments.
_HEADER_BYTES_MAX = 4 << 20
_TAIL_BYTES_MAX = 1 << 16
# Imports that take longer are left to the run that wants them.
_PREPARE_SECONDS = 20.0
# More than any machine has: what an interpreter says of itself is not believed beyond it.
_MEMORY_MAX = 1 << 44
# Largest thing that an environment may send beside results, whatever the bound of these is.
_CALL_BYTES_MAX = frames.CALL_REQUEST_MAX + frames.CALL_BODY_MAX


class Tenant(Protocol):
    """Whoever uses an environment at the moment."""

    def on_frame(self, kind: int, header: dict[str, Any], segments: list[bytes]) -> None:
        """A frame that fits no state of the environment's own."""

    def on_output(self, stream: int, data: bytes) -> None:
        """Something was written to standard output or error."""

    def on_death(self, info: ExitInfo) -> None:
        """The environment is gone; its output has been read to the end."""


class Environment:
    """A sandboxed interpreter."""

    def __init__(self, process: SandboxedProcess, bounds: Bounds) -> None:
        self.process = process
        self.version: Version | None = None
        #: Generation of the environment variables that its code was loaded with.
        self.variables = 0
        #: Their values, in its newest run.
        self.values: dict[str, str] = {}
        #: Whether it was told to import what steps often need.
        self.imports_often = False
        #: Whether it has imported what it was told to, before a run was there.
        self.prepared = False
        self.tenant: Tenant | None = None
        #: Runs that have it next, in this order, and the version in whose lane it is; see lanes.py.
        self.behind: deque[Run] = deque()
        self.lane = ""
        self.began_at = 0.0
        self.runs = 0
        #: What the interpreter said when it was ready, and behind its newest run.
        self.memory_bytes = 0
        self.bound_at = 0.0
        self.dead = False
        #: Called when it is gone, before its tenant hears of it.
        self.on_end: Callable[[], None] = lambda: None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: What the interpreter had to say beside frames, such as the report of a segmentation fault.
        self.tail = b""
        self._loop = asyncio.get_running_loop()
        finished_bytes_max = bounds.result_bytes_max + bounds.tmp_saved_bytes
        frame_bytes_max = max(finished_bytes_max, _CALL_BYTES_MAX) + _FRAME_OVERHEAD_BYTES
        self._frames = frames.FrameReader(_FROM_ENVIRONMENT, frame_bytes_max)
        self._broken: str | None = None
        self._unwritten = bytearray()
        self._on_written: Callable[[], None] | None = None
        self._stack: StackRequest | None = None
        self._coroutine_stack = ""
        self._on_prepared: Callable[[Environment, dict[str, Any]], None] | None = None
        self._outputs = {process.stdout: step_pb.LOG_STREAM_STDOUT, process.stderr: step_pb.LOG_STREAM_STDERR}
        for descriptor in (process.control_reader, process.stdout, process.stderr):
            os.set_blocking(descriptor, False)
        os.set_blocking(process.control_writer, False)
        self._loop.add_reader(process.control_reader, self._read_control)
        self._read_bytes = _READ_BYTES
        self._printed = select.poll()
        for descriptor in self._outputs:
            self._printed.register(descriptor, select.POLLIN)
        #: When it begins to listen to what is printed; the timer is not cancelled when that is put off.
        self._listen_at: float | None = None
        self._listen_timer: asyncio.TimerHandle | None = None
        self._listens = False
        self._watching = self._loop.create_task(self._wait())

    @property
    def frame_bytes_max(self) -> int:
        """Largest frame that the environment may send."""
        return self._frames.size_max

    def send(self, kind: int, header: dict[str, Any], segments: Sequence[bytes] = ()) -> None:
        """Sends a frame."""
        if self.dead:
            return
        self._coroutine_stack = ""
        data = frames.encode(kind, header, segments)
        if not self._unwritten:
            data = data[self._write(data) :]
            if not data:
                return
            self._loop.add_writer(self.process.control_writer, self._write_rest)
        self._unwritten += data

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self.process.control_writer, data)
        except BlockingIOError:
            return 0
        except OSError:  # It is dying; its end comes by another way.
            return len(data)

    def _write_rest(self) -> None:
        del self._unwritten[: self._write(self._unwritten)]
        if not self._unwritten:
            self._loop.remove_writer(self.process.control_writer)
            then, self._on_written = self._on_written, None
            if then is not None:
                then()

    def take_memory(self, state: dict[str, Any]) -> None:
        """Notes the memory that the interpreter says it has."""
        said = state.get("memory", 0)
        self.memory_bytes = said if isinstance(said, int) and 0 <= said < _MEMORY_MAX else 0

    def memory_now(self) -> int:
        """Its memory: as the interpreter has said, or the watchdog has measured while it works."""
        return self.memory_bytes if self.tenant is None else max(self.memory_bytes, self.process.last_memory_bytes)

    def when_written(self, then: Callable[[], None]) -> bool:
        """Whether everything sent has left for the environment; if not, `then` is called once it has."""
        if self._unwritten:
            self._on_written = then
        return not self._unwritten

    def bind(self, version: Version, worker_bounds: Bounds, packages: str) -> None:
        """Makes a blank environment one of this version, for good; `packages` is where package sets are in it."""
        self.version = version
        self.bound_at = time.monotonic()
        self.process.set_limits(version.limits(self.process.limits))
        bounds = {"result_bytes_max": worker_bounds.result_bytes_max}
        if not self.process.unsafe:
            # Elsewhere /tmp is everybody's.
            bounds["tmp_saved_bytes"] = worker_bounds.tmp_saved_bytes
            bounds["processes_max"] = self.process.limits.processes
        namespace = os.stat("/proc/self/ns/pid").st_ino
        header = {
            "steps": version.codes(),
            "bounds": bounds,
            "host_pid_namespace": namespace,
        }
        if version.packages:
            header["packages"] = f"{packages}/{version.packages}"
        if version.modules:
            header["modules"] = version.modules
        self.send(frames.BIND, header)

    def import_often(self) -> None:
        """Has a blank one import what steps often need: cold starts find it there, and it takes more memory."""
        if not self.imports_often:
            self.imports_often = True
            self.send(frames.IMPORT_OFTEN, {})

    def prepare(self, modules: list[str], variables: dict[str, str], then: Callable[[Environment, dict[str, Any]], None]) -> None:
        """Has it import modules while it has no tenant; one that comes earlier waits for it as it would for its own imports."""
        self.values, self._on_prepared = variables, then
        self.process.watch()
        # Whatever is printed belongs to no step: it is read, and thrown away.
        self.listen_soon()
        self.send(frames.PREPARE, {"modules": modules, "environment": variables})
        self._loop.call_later(_PREPARE_SECONDS, self._end_preparing)

    def _end_preparing(self) -> None:
        # A tenant has deadlines of its own.
        if not self.prepared and self.tenant is None and not self.dead:
            self.kill("its imports took too long")

    def _be_prepared(self, state: dict[str, Any], then: Callable[[Environment, dict[str, Any]], None]) -> None:
        self.prepared, self._on_prepared = True, None
        self.take_memory(state)
        if self.tenant is None:
            self.drain_output()
            if state.get("strays"):
                self.process.reap_strays()
            self.process.unwatch()
        then(self, state)

    def listen_soon(self) -> None:
        """Passes output on while the step runs, once it has run for a moment: what a short step prints is read at its end,
        for being woken by each line would cost more than the rest of the step."""
        if self._listen_at is None:
            self._listen_at = self._loop.time() + _LISTEN_SECONDS
            if self._listen_timer is None:
                self._listen_timer = self._loop.call_at(self._listen_at, self._listen)

    def _listen(self) -> None:
        self._listen_timer = None
        if self._listen_at is None or self.dead:
            return
        if self._loop.time() < self._listen_at:
            self._listen_timer = self._loop.call_at(self._listen_at, self._listen)
            return
        self._listens = True
        for descriptor in self._outputs:
            self._loop.add_reader(descriptor, self._read_output, descriptor)

    def drain_output(self) -> None:
        """Reads what is in the output pipes now, and listens no longer."""
        self._listen_at = None
        if self._listens:
            self._listens = False
            for descriptor in self._outputs:
                self._loop.remove_reader(descriptor)
        for descriptor, _ in self._printed.poll(0):
            # A pipe holds 1 MiB at most; whoever still writes must not keep the worker here.
            for _ in range(_DRAIN_READS_MAX):
                if not self._read_output(descriptor):
                    break

    def request_stack(self, request: StackRequest) -> None:
        """Asks the interpreter where it is; the answer goes to `request`."""
        self._stack = request
        request.on_coroutine(self._coroutine_stack)
        if not self.process.signal_main(frames.STACK_SIGNAL):
            request.give_up()

    def kill(self, cause: str) -> None:
        """Ends it at once."""
        self.process.kill(cause)

    def _read_output(self, descriptor: int) -> bool:
        """Reads once; tells whether there may be more."""
        try:
            data = os.read(descriptor, _OUTPUT_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(descriptor)
            return False
        if self.tenant is not None:
            self.tenant.on_output(self._outputs[descriptor], data)
        elif not self.ready.done():
            self.tail = (self.tail + data)[-_TAIL_BYTES_MAX:]
        return True

    def _read_control(self) -> bool:
        try:
            data = os.read(self.process.control_reader, self._read_bytes)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self._read_bytes = _READ_BYTES_MAX if len(data) == self._read_bytes else _READ_BYTES
        if not data:
            self._loop.remove_reader(self.process.control_reader)
            self._loop.call_later(_CLOSED_SECONDS, self.kill, "it closed its connection with the platform")
            return False
        if self._broken is not None:
            self._keep_tail(data)
            return True
        try:
            for kind, body in self._frames.feed(data):
                self._dispatch(kind, *frames.decode(body, _HEADER_BYTES_MAX))
        except frames.FrameError as error:
            self._broken = str(error)
            self._keep_tail(error.tail)
        return True

    def _keep_tail(self, data: bytes) -> None:
        """Text between frames: a stack that was asked for, the last words of a dying interpreter, or garbage."""
        self.tail = (self.tail + data)[-_TAIL_BYTES_MAX:]
        if self._stack is not None:
            self._stack.on_dump(self.tail)
        else:
            self._loop.call_later(_CLOSED_SECONDS, self.kill, f"it broke its connection with the platform: {self._broken}")

    def _dispatch(self, kind: int, header: dict[str, Any], segments: list[bytes]) -> None:
        if kind == frames.READY:
            self.take_memory(header)
            if not self.ready.done():
                self.ready.set_result(None)
        elif kind == frames.PREPARED and self._on_prepared is not None:
            self._be_prepared(header, self._on_prepared)
        elif kind == frames.STACK:
            self._coroutine_stack = str(header.get("stack", ""))
        elif self.tenant is not None:
            self.tenant.on_frame(kind, header, segments)

    async def _wait(self) -> None:
        info = await self.process.wait()
        self._bury(info)

    def _bury(self, info: ExitInfo) -> None:
        self.dead = True
        self._loop.remove_writer(self.process.control_writer)
        # As with output: user code may have handed its end of the pipe to a process that lives on and writes.
        for _ in range(_LAST_READS_MAX):
            if not self._read_control():
                break
        self.drain_output()
        for descriptor in (self.process.control_reader, *self._outputs):
            self._loop.remove_reader(descriptor)
        self.process.close_fds()
        if not self.ready.done():
            said = self.tail.decode("utf-8", "replace")[-1000:]
            self.ready.set_exception(RuntimeError(f"the environment {info.message} before it was ready; it said {said!r}"))
            self.ready.exception()
        if self._stack is not None:
            self._stack.give_up()
        self.on_end()
        tenant, self.tenant = self.tenant, None
        if tenant is not None:
            tenant.on_death(info)


def signal_name(number: int) -> str:
    """`SIGSEGV` for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
