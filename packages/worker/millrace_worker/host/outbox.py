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
# Tag and length of a frame.
_FRAME_OVERHEAD = 6
# Of `SessionRequest.frames`: the field's number, and that a length follows.
_FRAMES_TAG = bytes((pb.SessionRequest.FRAMES_FIELD_NUMBER << 3 | 2,))


class Outbox:
    """The queue before the session; bounded by what the environments may produce before they wait for the runner."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._send: Callable[[bytes], bool] | None = None
        self._writing = False
        self._loop = asyncio.get_running_loop()
        self._lazy_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.idle = asyncio.Event()
        self.idle.set()

    def eager(self, frame: pb.WorkerFrame) -> None:
        """Sends a frame."""
        self._frames.append(frame.SerializeToString())
        self._flush()

    def lazy(self, frame: pb.WorkerFrame) -> None:
        """Sends a frame with the next eager one, or soon."""
        self._frames.append(frame.SerializeToString())
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

    def open(self, send: Callable[[bytes], bool]) -> None:
        """The session is open: messages, each a SessionRequest, go to `send`, which returns False when the next one shall wait for `go_on`."""
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

    def _message(self) -> bytes:
        """Put together of frames that are encoded already, as protobuf would: a frame inside of another message is copied."""
        parts: list[bytes] = []
        size = 0
        while self._frames and len(parts) < 2 * _FRAMES_MAX:
            frame = self._frames[0]
            if parts and size + len(frame) > _BYTES_MAX:
                break
            self._frames.popleft()
            parts += (_FRAMES_TAG + _varint(len(frame)), frame)
            size += len(frame) + _FRAME_OVERHEAD
        return b"".join(parts)


def _varint(number: int) -> bytes:
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)
