"""Frames between the worker and one of its environments: the only format that both sides of the sandbox share.

A frame is a kind (1 byte), a length (4 bytes, little endian) and that many bytes: the length of a JSON header (4 bytes), the
header, and raw segments behind it, whose sizes the header lists. User data travels in the segments, so neither side takes
apart what it only passes on. Kinds that an environment sends have their high bit set: no text that user code might write
to the channel begins like a frame.
"""

from __future__ import annotations

import json
import struct
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

# From the worker.
BIND = 0x01  # The steps and bounds of the version that the environment serves from now on.
START = 0x02  # A run, and the index of the step to begin with.
STEP = 0x03  # Go on with a step.
END = 0x04  # The run has ended between two steps: clean up.
CHECK = 0x05  # Compile sources without running them.
CALL_RESULT = 0x06  # What a CALL has brought.
PREPARE = 0x07  # Modules that are imported before a run is there.
IMPORT_OFTEN = 0x08  # Nobody wants this blank environment yet: import what steps often need.

# From the environment.
READY = 0x81  # The interpreter is up.
FINISHED = 0x82  # A step has ended; with `idle`, what IDLE would say goes with it.
RESPOND = 0x83  # `pd.respond` with `immediate`.
NOTE = 0x84  # Something that the author should read in the log.
STACK = 0x85  # Where a step's coroutine was when its time was over.
IDLE = 0x86  # The run's leftovers are cleaned up, as far as the header says.
CHECKED = 0x87  # What CHECK found.
CALL = 0x88  # User code asks the platform for something.
PREPARED = 0x89  # The modules of PREPARE are imported, as far as they could be.

CONTROL_IN = 1000
CONTROL_OUT = 1001
# On this signal the interpreter writes the stack of its main thread to CONTROL_OUT, whatever it is doing.
STACK_SIGNAL = 44
# Bounds of a CALL; its answer may be a little larger.
CALL_REQUEST_MAX = 1 << 18
CALL_BODY_MAX = 1 << 20
# Calls of one run that may wait for an answer at the same time.
CALLS_MAX = 32
# Exit code of an interpreter whose channel was closed from within.
EXIT_CHANNEL_LOST = 97

_HEAD = struct.Struct("<BI")
_SIZE = struct.Struct("<I")
# What `JSONEncoder.encode` makes anew for each value.
_parts = c_make_encoder(None, json.JSONEncoder().default, encode_basestring_ascii, None, ":", ",", False, False, True)
# Without the guess at an encoding that `json.loads` makes for bytes.
_decode_json = json.JSONDecoder().decode


class FrameError(Exception):
    """What was read is no frame; `tail` is the text from there on."""

    def __init__(self, message: str, tail: bytes) -> None:
        super().__init__(message)
        self.tail = tail


def encode(kind: int, header: dict[str, Any], segments: Sequence[bytes] = ()) -> bytes:
    """Makes one frame."""
    if segments:
        header["sizes"] = [len(segment) for segment in segments]
    head = "".join(_parts(header, 0)).encode("ascii")
    body = b"".join((_SIZE.pack(len(head)), head, *segments))
    return _HEAD.pack(kind, len(body)) + body


def decode(body: bytes, header_max: int = 1 << 32) -> tuple[dict[str, Any], list[bytes]]:
    """Takes a frame's body apart; raises FrameError when it contradicts itself."""
    try:
        size = _SIZE.unpack_from(body)[0]
        if size > header_max:
            raise ValueError(f"it has {size} bytes, at most {header_max} are read")
        header = _decode_json(str(body[4 : 4 + size], "utf-8", "surrogatepass"))
        sizes = header.get("sizes", ())
        position = 4 + size
        segments = []
        for length in sizes:
            segments.append(body[position : position + length])
            position += length
    except (struct.error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FrameError(f"a frame's header cannot be read: {error}", b"") from None
    if position != len(body) or any(length < 0 for length in sizes):
        raise FrameError("a frame's sizes do not add up", b"")
    return header, segments


class FrameReader:
    """Cuts a stream of bytes into frames, with bounds on kind and size."""

    def __init__(self, kinds: frozenset[int], size_max: int) -> None:
        self.size_max = size_max
        self._kinds = kinds
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yields each frame that is complete now; raises FrameError at the first byte that cannot begin one."""
        buffer = self._buffer
        if not buffer and len(data) >= 5 and data[0] in self._kinds:  # Nearly always one frame, and whole.
            kind, size = _HEAD.unpack_from(data)
            if len(data) == 5 + size <= self.size_max:
                yield kind, data[5:]
                return
        buffer += data
        while buffer:
            if buffer[0] not in self._kinds:
                raise FrameError("the channel carries something that is no frame", bytes(buffer))
            if len(buffer) < 5:
                return
            kind, size = _HEAD.unpack_from(buffer)
            if size > self.size_max:
                raise FrameError(f"a frame of {size} bytes is larger than {self.size_max}", bytes(buffer[:5]))
            if len(buffer) < 5 + size:
                return
            with memoryview(buffer) as view:  # Released before the buffer shrinks.
                body = bytes(view[5 : 5 + size])
            del buffer[: 5 + size]
            yield kind, body
