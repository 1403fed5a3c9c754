"""The worker's own HTTP/2, before a peer that says what a test tells it; test_session.py holds it against gRPC's own server."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from millrace_worker.host.grpc_call import CallFailed, GrpcCall
from millrace_worker.host.header_block import HeaderError, decode_headers, encode_headers

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED, ACK = 1, 4, 8, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STATUS_200 = b"\x88"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def message(data: bytes) -> bytes:
    return struct.pack(">BI", 0, len(data)) + data


class Peer:
    """The other side: reads frames, writes bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, kind: int) -> tuple[int, int, bytes]:
        """Flags, stream and payload of the next frame of this kind; passes over others."""
        while True:
            head = await self._reader.readexactly(9)
            payload = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == kind:
                return head[4], int.from_bytes(head[5:], "big"), payload

    async def greet(self, settings: bytes = b"") -> dict[str, str]:
        assert await self._reader.readexactly(len(PREFACE)) == PREFACE
        _, stream, block = await self.read(HEADERS)
        assert stream == 1
        self.write(frame(SETTINGS, 0, 0, settings) + frame(HEADERS, END_HEADERS, 1, STATUS_200))
        return decode_headers(block)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def end(self, status: str, text: str = "") -> None:
        block = encode_headers([("grpc-status", status), ("grpc-message", text)])
        self.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))

    async def hang_up(self) -> None:
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


def play(
    folder: Path, script: Callable[[Peer], Awaitable[None]], say: Callable[[GrpcCall], None] = lambda call: None
) -> list[bytes]:
    """Makes a call to a peer that follows the script; returns the messages, or raises what the call came to."""
    received: list[bytes] = []

    async def both() -> None:
        peers: asyncio.Queue[Peer] = asyncio.Queue()
        path = str(folder / "peer.sock")
        server = await asyncio.start_unix_server(lambda *ends: peers.put_nowait(Peer(*ends)), path)
        call = await GrpcCall.open(path, "/a.B/C", [("authorization", "Bearer x")], 1 << 20, received.append)
        say(call)
        peer = await peers.get()
        playing = asyncio.ensure_future(script(peer))
        try:
            await asyncio.wait_for(call.ended, 10)
            await playing
        finally:
            call.close()
            await peer.hang_up()
            server.close()

    asyncio.run(both())
    return received


def test_a_message_arrives_however_it_was_cut(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        headers = await peer.greet()
        assert headers[":path"] == "/a.B/C" and headers["authorization"] == "Bearer x" and headers["te"] == "trailers"
        one = message(b"one" * 1000)
        peer.write(
            frame(DATA, 0, 1, one[:2]) + frame(DATA, PADDED, 1, b"\x03" + one[2:] + message(b"") + message(b"two") + b"\0\0\0")
        )
        for byte in frame(DATA, 0, 1, message(b"three")):
            peer.write(bytes((byte,)))
            await asyncio.sleep(0)
        peer.end("0")

    assert play(tmp_path, script) == [b"one" * 1000, b"", b"two", b"three"]


def test_what_is_sent_keeps_within_the_windows_of_the_peer(tmp_path: Path) -> None:
    sent = message(bytes(100_000)) + message(b"end")

    async def script(peer: Peer) -> None:
        await peer.greet(struct.pack(">HIHI", 4, 10, 5, 16_400))
        data, window, connection = b"", 10, 65_535
        while len(data) < len(sent):
            _, _, payload = await peer.read(DATA)
            data += payload
            window -= len(payload)
            connection -= len(payload)
            assert window >= 0 and connection >= 0 and len(payload) <= 16_400
            if not window:
                window += 30_000
                peer.write(frame(WINDOW_UPDATE, 0, 1, (30_000).to_bytes(4, "big")))
            if connection < 30_000:
                connection += 70_000
                peer.write(frame(WINDOW_UPDATE, 0, 0, (70_000).to_bytes(4, "big")))
        assert data == sent
        flags, _, _ = await peer.read(DATA)
        assert flags == END_STREAM
        peer.end("0")

    def say(call: GrpcCall) -> None:
        # What was said before the peer's settings were known goes by the windows that HTTP/2 starts with.
        async def later() -> None:
            while call._frame_size == 16_384:
                await asyncio.sleep(0)
            assert not call.send(bytes(100_000))
            assert not call.send(b"end")
            call.half_close()

        say.task = asyncio.get_running_loop().create_task(later())  # type: ignore[attr-defined]

    play(tmp_path, script, say)


def test_pings_and_settings_are_answered(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet(struct.pack(">HI", 3, 100))
        assert (await peer.read(SETTINGS))[0] == ACK
        peer.write(frame(PING, 0, 0, b"12345678"))
        assert await peer.read(PING) == (ACK, 0, b"12345678")
        peer.write(frame(GOAWAY, 0, 0, bytes(8)))  # The peer drains; the call goes on.
        peer.write(frame(DATA, 0, 1, message(b"still here")))
        peer.end("0")

    assert play(tmp_path, script) == [b"still here"]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (frame(HEADERS, END_HEADERS | END_STREAM, 1, encode_headers([("grpc-status", "16"), ("grpc-message", "no%20")])), "UNAUTHENTICATED: no "),
        (frame(RST_STREAM, 0, 1, bytes(4)), "reset the stream"),
        (frame(GOAWAY, 0, 0, bytes(7) + b"\x02"), "code 2"),
        (frame(DATA, END_STREAM, 1, b""), "without a status"),
        (frame(DATA, 0, 1, b"\x01\0\0\0\0"), "packed"),
        (frame(DATA, 0, 1, b"\0\x7f\0\0\0"), "bytes"),
        (frame(DATA, PADDED, 1, b"\x09a"), "padding"),
        (frame(CONTINUATION, END_HEADERS, 1, b""), "header block"),
        (frame(HEADERS, END_STREAM, 1, b"") + frame(DATA, 0, 1, b""), "header block"),
        (b"\xff\xff\xff" + bytes(6), "16777215 bytes"),
        (frame(HEADERS, END_HEADERS, 3, STATUS_200), "kind 1 for stream 3"),
        (frame(RST_STREAM, 0, 3, bytes(4)), "kind 3 for stream 3"),
        (frame(PING, 0, 1, bytes(8)), "kind 6 for stream 1"),
        (frame(PING, 0, 0, bytes(1 << 20)), "kind 6 with 1048576 bytes"),
        (frame(WINDOW_UPDATE, 0, 1, bytes(5)), "kind 8 with 5 bytes"),
        (frame(WINDOW_UPDATE, 0, 1, bytes(4)), "grows by 0"),
        (frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), "grows by 2147483647"),
        (frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 31)), "a window of 2147483648"),
        (frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 0)), "frames of 0 bytes"),
        (frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 1 << 24)), "frames of 16777216 bytes"),
        (frame(SETTINGS, 0, 0, b"12345"), "session is broken"),
        (frame(HEADERS, END_HEADERS, 1, STATUS_200), "a second time"),
        (frame(HEADERS, END_STREAM, 1, b"") + frame(CONTINUATION, 0, 1, b"") * 100, "header block"),
        (frame(HEADERS, END_HEADERS | END_STREAM, 1, encode_headers([("grpc-status", "9" * 5_000)])), "UNKNOWN: "),
        (b"", "connection was lost"),
    ],
)  # fmt: skip
def test_an_end_says_why(tmp_path: Path, said: bytes, cause: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        peer.write(said)
        if not said:
            await peer.hang_up()

    with pytest.raises(CallFailed, match=cause):
        play(tmp_path, script)


def test_a_peer_that_asks_and_never_reads_is_given_up(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        for _ in range(100):
            peer.write(frame(PING, 0, 0, b"12345678") * 5_000)
            await asyncio.sleep(0)

    with pytest.raises(CallFailed, match="reads answers"):
        play(tmp_path, script)


def test_nothing_counts_behind_the_end(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        end = frame(HEADERS, END_HEADERS | END_STREAM, 1, encode_headers([("grpc-status", "0")]))
        peer.write(frame(DATA, 0, 1, message(b"one")) + end + frame(DATA, 0, 1, message(b"two")))

    assert play(tmp_path, script) == [b"one"]


def test_a_large_frame_that_comes_in_small_pieces_is_not_copied_for_each(tmp_path: Path) -> None:
    data = frame(DATA, 0, 1, message(bytes(1_000_000)))
    received: list[bytes] = []

    async def feed() -> None:
        call = GrpcCall("/a.B/C", [], 1 << 20, received.append)
        call.data_received(frame(HEADERS, END_HEADERS, 1, STATUS_200))
        for at in range(0, len(data), 10):
            call.data_received(data[at : at + 10])

    began = time.process_time()
    asyncio.run(feed())
    assert received == [bytes(1_000_000)]
    assert time.process_time() - began < 2.0


def test_the_end_of_what_is_sent_is_said_once(tmp_path: Path) -> None:
    written: list[bytes] = []

    class Socket(asyncio.Transport):
        def write(self, data: bytes) -> None:  # type: ignore[override]
            written.append(data)

        def is_closing(self) -> bool:
            return False

    async def half_close() -> None:
        call = GrpcCall("/a.B/C", [], 1 << 20, lambda data: None)
        call.connection_made(Socket())
        call.send(b"one")
        call.half_close()
        call.pause_writing()
        call.resume_writing()

    asyncio.run(half_close())
    assert b"".join(written).count(frame(DATA, END_STREAM, 1, b"")) == 1


def test_headers_are_read_in_every_form() -> None:
    headers = [(":status", "200"), ("grpc-message", "x" * 300)]
    assert decode_headers(encode_headers(headers)) == dict(headers)
    # RFC 7541, C.6.1: a status and a location, packed, behind a name of the static table.
    packed = bytes.fromhex("4882640258 85aec3771a4b".replace(" ", ""))
    assert decode_headers(packed)[":status"] == "302"
    grpc_status = b"\x00" + b"\x88" + bytes.fromhex("9acac8b21234da8f")  # `grpc-status`, packed
    assert decode_headers(grpc_status + b"\x010") == {"grpc-status": "0"}
    assert decode_headers(b"\x20\x88") == {":status": "200"}
    for broken in (b"\xbe", b"\x80", b"\x00\x05ab", b"\x00", b"\xff\xff\xff\xff\xff\xff"):
        with pytest.raises(HeaderError):
            decode_headers(broken)
