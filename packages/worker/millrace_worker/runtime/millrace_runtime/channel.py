"""The environment's end of the channel to the worker."""

from __future__ import annotations

import os
import threading
from select import select

from millrace_runtime import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

_FROM_WORKER = frozenset((frames.BIND, frames.START, frames.STEP, frames.END, frames.CHECK))
_FRAME_MAX = 1 << 30


class Channel:
    """Reads and writes whole frames; without a channel there is no environment, so its loss ends the process."""

    def __init__(self) -> None:
        self._reader = frames.FrameReader(_FROM_WORKER, _FRAME_MAX)
        self._queue: list[tuple[int, bytes]] = []
        self._lock = threading.Lock()
        self._owner = os.getpid()
        os.register_at_fork(after_in_child=self._close_in_child)

    def ready(self, timeout: float) -> bool:
        """Whether something to read arrives in time."""
        return bool(self._queue) or bool(select([frames.CONTROL_IN], (), (), timeout)[0])

    def receive(self) -> tuple[int, dict[str, Any], list[bytes]]:
        """Waits for the next frame."""
        while not self._queue:
            try:
                data = os.read(frames.CONTROL_IN, 1 << 18)
            except OSError:
                self.lost()
            if not data:
                os._exit(0)
            self._queue.extend(self._reader.feed(data))
        kind, body = self._queue.pop(0)
        return kind, *frames.decode(body)

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
            except OSError:
                self.lost()

    def leave_in_child(self) -> None:
        """A child that user code has forked, and that comes back to the runtime, must neither speak nor clean up."""
        if os.getpid() != self._owner:
            os._exit(0)

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
