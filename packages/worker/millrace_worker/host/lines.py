"""Log lines of one run: bytes from an environment's pipes become numbered, bounded lines."""

from __future__ import annotations

import time

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import step_pb2 as step_pb

LINE_BYTES_MAX = 16 * 1024
_FRAME_BYTES_MAX = 256 * 1024


class RunLines:
    """Collects the lines of a run. Sequences count within the assignment, the limit within each step."""

    def __init__(self, assignment: pb.Assignment, bytes_max: int) -> None:
        self.sequence = 0
        self.path = ""
        self._assignment = assignment
        self._bytes_max = bytes_max
        self._bytes = 0
        self._dropped_lines = 0
        self._dropped_bytes = 0
        self._partial: dict[int, bytes] = {}
        self._pending: list[step_pb.LogLine] = []
        self.pending_bytes = 0

    def begin_step(self, path: str) -> None:
        """What comes now belongs to this step."""
        self.path = path
        self._bytes = 0

    def feed(self, stream: int, data: bytes) -> None:
        """Takes what was read from a pipe."""
        if self._bytes >= self._bytes_max:  # Beyond the limit nothing is cut into lines any more: a flood must stay cheap.
            self._dropped_lines += data.count(b"\n")
            self._dropped_bytes += len(data)
            return
        data = self._partial.pop(stream, b"") + data
        lines = data.split(b"\n")
        rest = lines.pop()
        for line in lines:
            self._add_split(stream, line)
        while len(rest) > LINE_BYTES_MAX:
            end = _cut_end(rest)
            self._count(stream, rest[:end], continued=True)
            rest = rest[end:]
        if rest:
            self._partial[stream] = rest

    def _add_split(self, stream: int, line: bytes) -> None:
        if line.endswith(b"\r"):
            line = line[:-1]
        while len(line) > LINE_BYTES_MAX:
            end = _cut_end(line)
            self._count(stream, line[:end], continued=True)
            line = line[end:]
        self._count(stream, line)

    def _count(self, stream: int, line: bytes, continued: bool = False) -> None:
        if self._bytes + len(line) + 1 > self._bytes_max:
            self._bytes = self._bytes_max
            self._dropped_lines += 1
            self._dropped_bytes += len(line) + 1
            return
        self._bytes += len(line) + 1
        self.add(stream, line.decode("utf-8", "replace"), continued)

    def note(self, text: str) -> None:
        """Adds a sentence of the platform's; it counts towards the limit like the author's own lines."""
        for line in text.splitlines()[:16]:
            self._count(step_pb.LOG_STREAM_SYSTEM, line.encode("utf-8", "replace")[:LINE_BYTES_MAX])

    def add(self, stream: int, text: str, continued: bool = False) -> None:
        """Adds a line as it is; `continued` when it is a piece of one, and not the last."""
        self.sequence += 1
        now = time.time_ns()
        line = step_pb.LogLine(sequence=self.sequence, stream=stream, path=self.path, text=text, continued=continued)  # type: ignore[arg-type]
        line.time.seconds = now // 1_000_000_000
        line.time.nanos = now % 1_000_000_000
        self._pending.append(line)
        self.pending_bytes += len(text) + 48

    def end_step(self, error_text: str = "") -> None:
        """Flushes lines without an end, says what was dropped, and adds the step's failure as its last entry."""
        for stream, rest in sorted(self._partial.items()):
            self._count(stream, rest)
        self._partial.clear()
        if self._dropped_bytes:
            self.add(
                step_pb.LOG_STREAM_SYSTEM,
                f"{self._dropped_lines} lines ({self._dropped_bytes} bytes) were dropped: a step may log {self._bytes_max} bytes",
            )
            self._dropped_lines = self._dropped_bytes = 0
        if error_text:
            self.add(step_pb.LOG_STREAM_ERROR, cut_middle(error_text, LINE_BYTES_MAX))

    def take(self) -> list[pb.WorkerFrame]:
        """Everything collected since the last call."""
        if not self._pending:
            return []
        lines, self._pending, self.pending_bytes = self._pending, [], 0
        frames = []
        while lines:
            size = count = 0
            while count < len(lines) and size < _FRAME_BYTES_MAX:
                size += len(lines[count].text) + 48
                count += 1
            message = pb.LogLines(assignment=self._assignment, lines=lines[:count])
            frames.append(pb.WorkerFrame(log_lines=message))
            lines = lines[count:]
        return frames


def _cut_end(line: bytes) -> int:
    """Where a line that is too long is cut: never inside of a character."""
    end = LINE_BYTES_MAX
    while end > LINE_BYTES_MAX - 4 and line[end] & 0xC0 == 0x80:
        end -= 1
    return end


def cut_middle(text: str, size: int) -> str:
    """Shortens a text to about `size` bytes in UTF-8, keeping its beginning and its end."""
    data = text.encode("utf-8", "replace")
    if len(data) <= size:
        return data.decode("utf-8")
    half = size // 2 - 40
    left_out = len(data) - 2 * half
    return f"{data[:half].decode('utf-8', 'ignore')}\n… {left_out} bytes left out …\n{data[-half:].decode('utf-8', 'ignore')}"
