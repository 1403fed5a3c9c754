"""One bidirectional gRPC call over a Unix socket: HTTP/2 (RFC 9113) as far as one call needs it, on the worker's own loop.

grpcio serves any number of calls on threads of its own, and each message changes threads twice on its way; that was nearly half
of what the worker spent on a run. On the wire there is no difference: any gRPC server can be the other side.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from urllib.parse import unquote

from millrace_worker.host.header_block import HeaderError, decode_headers, encode_headers

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PUSH_PROMISE, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_HEADER_TABLE_SIZE, _ENABLE_PUSH, _INITIAL_WINDOW_SIZE, _MAX_FRAME_SIZE = 1, 2, 4, 5
_STREAM = 1
_HEAD = struct.Struct(">HBBBI")  # Length (16 + 8 bits), type, flags, stream.
_PREFIX = struct.Struct(">BI")
_SETTING = struct.Struct(">HI")
_WINDOW_START, _WINDOW_MAX = 65_535, (1 << 31) - 1
_FRAME_SIZE_START, _FRAME_SIZE, _FRAME_SIZE_MAX = 16_384, 1 << 20, (1 << 24) - 1
# The peer may send as much as fits into a window that is filled up long before it is used up: how much may be on its way is
# bounded by the runner's own bounds.
_REFILL_AT = 1 << 30
_HEADERS_MAX = 1 << 16
_CONTINUATIONS_MAX = 64
# Answers that wait for a peer who asks and does not read.
_REPLIES_MAX = 1_000
#: Sizes of frames that have one.
_SIZES = {_RST_STREAM: 4, _PING: 8, _WINDOW_UPDATE: 4}
#: Frames that belong to the connection, and those that belong to the one stream.
_OF_CONNECTION, _OF_STREAM = {_SETTINGS, _PING, _GOAWAY}, {_DATA, _HEADERS, _RST_STREAM, _CONTINUATION}
#: Statuses by the numbers that people know less well.
_CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED"),
    *("RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"),
    *("DATA_LOSS", "UNAUTHENTICATED"),
)


class CallFailed(Exception):
    """The call could not be made, or it broke, or its status was not OK."""


class _ProtocolError(Exception):
    """The peer has sent what nobody may send."""


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return _HEAD.pack(len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


class GrpcCall(asyncio.Protocol):
    """Hands every message to `on_message` in the turn of the loop that read it; `ended` is set when the call is over."""

    def __init__(
        self, method: str, metadata: list[tuple[str, str]], message_max: int, on_message: Callable[[bytes], None]
    ) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: Called when more can be sent, after `send` has returned False.
        self.on_writable: Callable[[], None] = lambda: None
        self._headers = [
            *((":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost")),
            *(("te", "trailers"), ("content-type", "application/grpc"), *metadata),
        ]
        self._message_max = message_max
        self._on_message = on_message
        self._transport: asyncio.Transport | None = None
        self._rest = bytearray()
        self._needed = 9
        self._message = bytearray()
        self._block: bytearray | None = None
        self._block_ends_stream = False
        self._continuations = 0
        self._answered = False
        self._replies = 0
        self._received = 0
        self._unsent: deque[memoryview] = deque()
        self._blocked = False
        self._half_closed = False
        self._said_end = False
        self._frame_size = _FRAME_SIZE_START
        self._stream_start = _WINDOW_START
        self._stream_window = self._connection_window = _WINDOW_START

    @classmethod
    async def open(
        cls, path: str, method: str, metadata: list[tuple[str, str]], message_max: int, on_message: Callable[[bytes], None]
    ) -> GrpcCall:
        """Connects to a socket and begins the call; raises OSError when nobody listens there."""
        _, call = await asyncio.get_running_loop().create_unix_connection(
            lambda: cls(method, metadata, message_max, on_message), path
        )
        return call

    def send(self, message: bytes) -> bool:
        """Sends a message; False: what comes next had better wait for `on_writable`."""
        if self.ended.done() or self._half_closed:
            return True
        size = len(message) + 5
        fits = size <= self._frame_size and size <= self._stream_window and size <= self._connection_window
        if fits and not self._unsent:
            self._stream_window -= size
            self._connection_window -= size
            head = _HEAD.pack(size >> 8, size & 0xFF, _DATA, 0, _STREAM) + _PREFIX.pack(0, len(message))
            self._write(head + message)
        else:
            self._unsent.append(memoryview(_PREFIX.pack(0, len(message)) + message))
            self._send_unsent()
        return not self._unsent and not self._blocked

    def half_close(self) -> None:
        """Nothing more will be sent; the peer ends the call when it has read everything."""
        self._half_closed = True
        self._end_stream()

    def close(self) -> None:
        """Ends the connection; without an end of its own the call has been cancelled."""
        if self._transport is not None:
            self._transport.close()
        self._end(CallFailed("CANCELLED: the worker has ended it"))

    # What asyncio says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Says everything that there is to say before the first message."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        settings = (
            (_HEADER_TABLE_SIZE, 0),
            (_ENABLE_PUSH, 0),
            (_INITIAL_WINDOW_SIZE, _WINDOW_MAX),
            (_MAX_FRAME_SIZE, _FRAME_SIZE),
        )
        self._write(
            b"".join(
                (
                    _PREFACE,
                    _frame(_SETTINGS, 0, 0, b"".join(_SETTING.pack(*setting) for setting in settings)),
                    _frame(_WINDOW_UPDATE, 0, 0, (_WINDOW_MAX - _WINDOW_START).to_bytes(4, "big")),
                    _frame(_HEADERS, _END_HEADERS, _STREAM, encode_headers(self._headers)),
                )
            )
        )

    def data_received(self, data: bytes) -> None:
        """Takes frames apart; what is incomplete waits for the rest."""
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._needed:
                return
            data = bytes(rest)
            rest.clear()
        at, end = 0, len(data)
        self._needed = 9
        try:
            while end - at >= 9 and not self.ended.done():
                high, low, kind, flags, stream = _HEAD.unpack_from(data, at)
                size = high << 8 | low
                if size > _FRAME_SIZE:
                    raise _ProtocolError(f"a frame of {size} bytes")
                if end - at < 9 + size:
                    self._needed = 9 + size
                    break
                self._on_frame(kind, flags, stream & _WINDOW_MAX, data[at + 9 : at + 9 + size])
                at += 9 + size
            rest += data[at:]
        except (_ProtocolError, HeaderError, struct.error) as error:
            self._fail(f"INTERNAL: the runner's side of the session is broken: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is closed."""
        self._end(CallFailed(f"UNAVAILABLE: the connection was lost{f' ({error})' if error else ''}"))

    def pause_writing(self) -> None:
        """The socket takes no more."""
        self._blocked = True

    def resume_writing(self) -> None:
        """It does again."""
        self._blocked = False
        self._replies = 0
        self._go_on()

    # Frames.

    def _on_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._block is not None and kind != _CONTINUATION:
            raise _ProtocolError("something in the middle of a header block")
        if len(payload) != _SIZES.get(kind, len(payload)):
            raise _ProtocolError(f"a frame of kind {kind} with {len(payload)} bytes")
        if (stream and kind in _OF_CONNECTION) or (stream != _STREAM and kind in _OF_STREAM):
            raise _ProtocolError(f"a frame of kind {kind} for stream {stream}")
        if kind == _DATA:
            self._on_data(flags, payload)
        elif kind == _WINDOW_UPDATE:
            self._on_window(stream, int.from_bytes(payload, "big") & _WINDOW_MAX)
        elif kind == _PING:
            if not flags & _ACK:
                self._reply(_frame(_PING, _ACK, 0, payload))
        elif kind == _SETTINGS:
            if not flags & _ACK:
                self._on_settings(payload)
        elif kind in (_HEADERS, _CONTINUATION):
            self._on_header_block(kind, flags, payload)
        elif kind == _RST_STREAM:
            self._fail(f"CANCELLED: the runner has reset the stream (code {int.from_bytes(payload, 'big')})")
        elif kind == _GOAWAY:
            # A peer that drains says so with code 0 and lets the call go on.
            if code := int.from_bytes(payload[4:8], "big"):
                self._fail(f"UNAVAILABLE: the runner has closed the connection (code {code})")
        elif kind == _PUSH_PROMISE:
            raise _ProtocolError("a push that was not asked for")

    def _on_data(self, flags: int, payload: bytes) -> None:
        if not self._answered:
            raise _ProtocolError("data before the headers")
        self._received += len(payload)
        if self._received >= _REFILL_AT:
            update = self._received.to_bytes(4, "big")
            self._received = 0
            self._write(_frame(_WINDOW_UPDATE, 0, 0, update) + _frame(_WINDOW_UPDATE, 0, _STREAM, update))
        if flags & _PADDED:
            payload = _unpadded(payload)
        self._take_messages(payload)
        if flags & _END_STREAM:
            self._fail("INTERNAL: the call ended without a status")

    def _take_messages(self, payload: bytes) -> None:
        """Most frames are one message; the others are pieces."""
        if not self._message and len(payload) >= 5 and self._message_size(payload) == len(payload):
            self._on_message(payload[5:])
            return
        message = self._message
        message += payload
        while len(message) >= 5 and len(message) >= (size := self._message_size(message)):
            with memoryview(message) as view:
                one = bytes(view[5:size])
            del message[:size]
            self._on_message(one)

    def _message_size(self, data: bytes | bytearray) -> int:
        packed, size = _PREFIX.unpack_from(data)
        if packed or size > self._message_max:
            raise _ProtocolError("a packed message" if packed else f"a message of {size} bytes")
        return 5 + int(size)

    def _on_window(self, stream: int, more: int) -> None:
        if stream == 0:
            self._connection_window += more
        elif stream == _STREAM:
            self._stream_window += more
        if more == 0 or max(self._connection_window, self._stream_window) > _WINDOW_MAX:
            raise _ProtocolError(f"a window that grows by {more}")
        if self._unsent:
            self._go_on()

    def _on_settings(self, payload: bytes) -> None:
        for name, value in _SETTING.iter_unpack(payload):
            if name == _INITIAL_WINDOW_SIZE:
                if value > _WINDOW_MAX:
                    raise _ProtocolError(f"a window of {value} bytes")
                self._stream_window += value - self._stream_start
                self._stream_start = value
            elif name == _MAX_FRAME_SIZE:
                if not _FRAME_SIZE_START <= value <= _FRAME_SIZE_MAX:
                    raise _ProtocolError(f"frames of {value} bytes")
                self._frame_size = value
        self._reply(_frame(_SETTINGS, _ACK, 0, b""))
        if self._unsent:
            self._go_on()

    def _on_header_block(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == _HEADERS:
            if flags & _PADDED:
                payload = _unpadded(payload)
            if flags & _PRIORITY:
                payload = payload[5:]
            self._block, self._block_ends_stream = bytearray(), bool(flags & _END_STREAM)
            self._continuations = 0
            if self._answered and not self._block_ends_stream:
                raise _ProtocolError("headers a second time")
        self._continuations += 1
        is_long = self._continuations > _CONTINUATIONS_MAX
        if self._block is None or is_long or len(self._block) + len(payload) > _HEADERS_MAX:
            raise _ProtocolError("a header block without a beginning, or without an end")
        self._block += payload
        if flags & _END_HEADERS:
            block, self._block = bytes(self._block), None
            self._on_headers(decode_headers(block), self._block_ends_stream)

    def _on_headers(self, headers: dict[str, str], last: bool) -> None:
        if headers.get(":status", "200") != "200":
            raise _ProtocolError(f"HTTP status {headers[':status']}")
        self._answered = True
        if not last:
            return
        number = headers.get("grpc-status", "")
        if number == "0":
            self._end(None)
            return
        is_known = number.isdecimal() and len(number) < 3 and int(number) < len(_CODES)
        code = _CODES[int(number)] if is_known else "UNKNOWN"
        self._fail(f"{code}: {unquote(headers.get('grpc-message', ''))}")

    # Sending.

    def _go_on(self) -> None:
        self._send_unsent()
        if not self._unsent and not self._blocked:
            self.on_writable()

    def _send_unsent(self) -> None:
        """Sends what the windows and the socket let pass."""
        while self._unsent and not self._blocked:
            data = self._unsent[0]
            size = min(len(data), self._frame_size, self._stream_window, self._connection_window)
            if size <= 0:
                return
            self._stream_window -= size
            self._connection_window -= size
            self._write(_frame(_DATA, 0, _STREAM, bytes(data[:size])))
            if size < len(data):
                self._unsent[0] = data[size:]
            else:
                self._unsent.popleft()
        self._end_stream()

    def _end_stream(self) -> None:
        """Says, once, that nothing more comes: when it has been decided and all is out."""
        if self._half_closed and not self._unsent and not self._said_end:
            self._said_end = True
            self._write(_frame(_DATA, _END_STREAM, _STREAM, b""))

    def _reply(self, frame: bytes) -> None:
        """Answers what the peer asks, as long as it reads the answers."""
        self._replies += self._blocked
        if self._replies > _REPLIES_MAX:
            raise _ProtocolError("more questions than the runner reads answers to")
        self._write(frame)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _fail(self, cause: str) -> None:
        self._end(CallFailed(cause))
        if self._transport is not None:
            self._transport.close()

    def _end(self, error: CallFailed | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


def _unpadded(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise _ProtocolError("more padding than frame")
    return payload[1 : len(payload) - payload[0]]
