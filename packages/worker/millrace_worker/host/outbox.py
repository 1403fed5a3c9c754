"""Frames on their way to the runner.

Frames leave in the order in which they were put. An eager one leaves as soon as the loop turns, and takes whatever is
before it along; a lazy one waits up to LAZY_SECONDS for company, because a message costs more than what is in it. What
comes while the session takes no more shares the next message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from millrace_worker.generated import session_pb2 as pb

LAZY_SECONDS = 0.01
_FRAMES_MAX = 1024
_BYTES_MAX = 4 << 20
_FRAME_OVERHEAD = 256


class Outbox:
    """The queue before the session; bounded by what the environments may produce before they wait for the runner."""

    def __init__(self) -> None:
        self._frames: deque[tuple[pb.WorkerFrame, int]] = deque()
        self._send: Callable[[pb.SessionRequest], bool] | None = None
        self._writing = False
        self._loop = asyncio.get_running_loop()
        self._lazy_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.idle = asyncio.Event()
        self.idle.set()

    def eager(self, frame: pb.WorkerFrame, size: int = 0) -> None:
        """Sends a frame; `size` is that of its large parts."""
        self._frames.append((frame, size + _FRAME_OVERHEAD))
        self._flush()

    def lazy(self, frame: pb.WorkerFrame, size: int = 0) -> None:
        """Sends a frame with the next eager one, or soon."""
        self._frames.append((frame, size + _FRAME_OVERHEAD))
        self.idle.clear()
        if self._lazy_since is None:
            self._lazy_since = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_at(self._lazy_since + LAZY_SECONDS, self._on_timer)

    def _on_timer(self) -> None:
        """The timer is never cancelled, which costs more than a look in vain: what it was set for may have left long ago."""
        self._timer = None
        if self._lazy_since is None:
            return
        if self._loop.time() - self._lazy_since >= LAZY_SECONDS:
            self._flush()
        else:
            self._timer = self._loop.call_at(self._lazy_since + LAZY_SECONDS, self._on_timer)

    def _flush(self) -> None:
        self._lazy_since = None
        self.idle.clear()
        if not self._writing:
            self._writing = True
            self._loop.call_soon(self._write)

    def open(self, send: Callable[[pb.SessionRequest], bool]) -> None:
        """The session is open: messages go to `send`, which returns False when the next one shall wait for `go_on`."""
        self._send = send

    def go_on(self) -> None:
        """The session takes more."""
        self._write()

    def close(self) -> None:
        """Nothing is sent any more."""
        self._send = None

    def _write(self) -> None:
        """Stays `_writing` while the session takes no more: then `go_on` comes back here."""
        while self._frames and self._send is not None:
            if not self._send(self._message()):
                self._writing = True
                return
        self._writing = False
        if not self._frames:
            self.idle.set()

    def _message(self) -> pb.SessionRequest:
        frames: list[pb.WorkerFrame] = []
        size = 0
        while self._frames and len(frames) < _FRAMES_MAX:
            frame, frame_size = self._frames[0]
            if frames and size + frame_size > _BYTES_MAX:
                break
            self._frames.popleft()
            frames.append(frame)
            size += frame_size
        return pb.SessionRequest(frames=frames)
