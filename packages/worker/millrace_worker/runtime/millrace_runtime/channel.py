"""The environment's end of the channel to the worker."""

from __future__ import annotations

import os
import threading
from _thread import allocate_lock
from select import select

from millrace_runtime import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

_FROM_WORKER = frozenset(range(frames.BIND, frames.IMPORT_OFTEN + 1))
_FRAME_MAX = 1 << 30
# What is larger is mapped by the C library for each read, and unmapped again.
_READ_BYTES = 1 << 16
_READ_BYTES_MAX = 1 << 20


class Channel:
    """Reads and writes whole frames; without a channel there is no environment, so its loss ends the process."""

    def __init__(self) -> None:
        self._reader = frames.FrameReader(_FROM_WORKER, _FRAME_MAX)
        self._read_bytes = _READ_BYTES
        self._queue: list[tuple[int, bytes]] = []
        self._lock = threading.Lock()
        #: Gets the body of every CALL_RESULT, in whichever thread read it.
        self.on_result: Callable[[bytes], None] = lambda body: None
        #: Whether threads of user code may read too; then reading takes turns.
        self.shared = False
        self._turns = allocate_lock()
        self._reading = False
        self._sleepers: list[Any] = []
        self._owner = os.getpid()
        os.register_at_fork(after_in_child=self._close_in_child)

    def ready(self) -> bool:
        """Whether there is something to read."""
        return bool(self._queue) or bool(select([frames.CONTROL_IN], (), (), 0)[0])

    def receive(self) -> tuple[int, dict[str, Any], list[bytes]]:
        """Waits for the next frame."""
        if self.shared:
            self.wait(lambda: bool(self._queue))
        while not self._queue:
            self._read()
        kind, body = self._queue.pop(0)
        return kind, *frames.decode(body)

    def wait(self, done: Callable[[], bool]) -> None:
        """Reads until `done`; from any thread. One thread reads for all, the others sleep until it has read something."""
        while not done():
            with self._turns:
                leads = not self._reading
                sleeper = None
                if leads:
                    self._reading = True
                else:
                    # A lock of the interpreter's own: user code may have replaced those of `threading`.
                    sleeper = allocate_lock()
                    sleeper.acquire()
                    self._sleepers.append(sleeper)
            if sleeper is not None:
                if not done():
                    sleeper.acquire()
                continue
            try:
                if not done():
                    self._read()
            finally:
                self._end_turn()

    def _end_turn(self) -> None:
        with self._turns:
            self._reading = False
            sleepers, self._sleepers = self._sleepers, []
        for sleeper in sleepers:
            sleeper.release()

    def _read(self) -> None:
        try:
            data = os.read(frames.CONTROL_IN, self._read_bytes)
        except OSError as error:
            self.lost_by(error)
        if not data:
            os._exit(0)
        # The rest of something large comes in large pieces.
        self._read_bytes = _READ_BYTES_MAX if len(data) == self._read_bytes else _READ_BYTES
        for kind, body in self._reader.feed(data):
            if kind == frames.CALL_RESULT:
                self.on_result(body)
            else:
                self._queue.append((kind, body))

    def send(self, kind: int, header: dict[str, Any], segments: Sequence[bytes] = ()) -> None:
        """Sends a frame."""
        self.write(frames.encode(kind, header, segments))

    def write(self, data: bytes) -> None:
        """Writes frames; from any thread."""
        self.leave_in_child()
        view = memoryview(data)
        with self._lock:
            try:
                while view:
                    view = view[os.write(frames.CONTROL_OUT, view) :]
            except OSError as error:
                self.lost_by(error)

    @property
    def owned(self) -> bool:
        """Whether this is the environment's own process, not one that user code has forked."""
        return os.getpid() == self._owner

    def leave_in_child(self) -> None:
        """A child that user code has forked, and that comes back to the runtime, must neither speak nor clean up."""
        if not self.owned:
            os._exit(0)

    def lost_by(self, error: OSError) -> NoReturn:
        """What a signal handler of the author's has raised goes on: TimeoutError is an OSError, too, and says no number."""
        if error.errno is None or isinstance(error, TimeoutError):
            raise error
        self.lost()

    def lost(self) -> NoReturn:
        """Ends the process, in a way that the worker recognises."""
        os._exit(frames.EXIT_CHANNEL_LOST)

    @staticmethod
    def _close_in_child() -> None:
        for descriptor in (frames.CONTROL_IN, frames.CONTROL_OUT):
            try:
                os.close(descriptor)
            except OSError:
                pass
