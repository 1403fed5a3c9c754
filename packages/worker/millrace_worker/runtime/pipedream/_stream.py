"""A body that goes out while it is made: pieces from a file, a generator or another answer to the client who waits.

One thread makes the pieces, another hands them over, one call at a time: what is made meanwhile shares the next call, and
when the client is slow, a bounded buffer makes the first thread wait. Imported only when a step streams.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millrace_runtime.calls import call

if TYPE_CHECKING:
    from pipedream._pd import Record, Run
    from pipedream._response import Answer

_PIECE_MAX = 256 << 10
_BUFFER_MAX = 256 << 10
_BODILESS = (204, 205, 304)


def _ask(method: str, request: Any = None, data: bytes = b"") -> Any:
    """Apart from other calls: how many of these there are depends on the client."""
    return call(method, request, data, apart=True)[0]


class Sender:
    """Hands pieces over. `over` is set when nobody wants any more, `gone` when that is because the client has left."""

    def __init__(self) -> None:
        self.over = False
        self.gone = False
        self.sent = 0
        self._changed = threading.Condition()
        self._buffer = bytearray()
        self._opened = False
        self._ended = False
        self._index = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._send, name="pd.respond", daemon=True)

    def open(self, answer: Answer) -> None:
        """Sends status and headers."""
        header = {"status": answer.status, "headers": [{"name": name, "value": value} for name, value in answer.headers]}
        said = _ask("respond.open", header)
        self.gone, self.over = said["gone"], not said["wanted"]
        self._opened = True
        if not self.over:
            self._thread.start()

    def put(self, data: bytes, wait: bool = True) -> bool:
        """Takes a piece. Returns False when there is no room and it must not wait; look at `over` afterwards."""
        with self._changed:
            while len(self._buffer) >= _BUFFER_MAX and not self.over and wait:
                self._changed.wait()
            if self._error is not None:
                raise self._error
            if len(self._buffer) >= _BUFFER_MAX and not self.over:
                return False
            self._buffer += data
            self._changed.notify_all()
            return True

    def end(self) -> None:
        """Waits until everything is out, and ends the body well."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        if not self.over:
            self.gone = _ask("respond.end")["gone"]

    def cut(self) -> None:
        """Breaks the body off, so that the client sees that it is not whole."""
        with self._changed:
            self.over = self._ended = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        if not self._opened:
            return
        try:
            _ask("respond.cut")
        except Exception:  # What led here is the error that counts, and the end of the step cuts it as well.
            pass

    def _send(self) -> None:
        try:
            while (data := self._take()) is not None:
                if not self._write(data):
                    break
            else:
                return
        except BaseException as error:
            self._error = error
        with self._changed:
            self.over = True
            self._changed.notify_all()

    def _write(self, data: bytes) -> bool:
        """Hands one piece over; while the client has no room for it, the same piece again, which is known by its number."""
        while True:
            said = _ask("respond.write", {"index": self._index}, data)
            if said["gone"]:
                self.gone = True
            if self.gone or self.over:
                return False
            if not said["full"]:
                break
        self._index += 1
        self.sent += len(data)
        return True

    def _take(self) -> bytes | None:
        """The next piece; None when there is none any more."""
        with self._changed:
            while not self._buffer and not self._ended and not self.over:
                self._changed.wait()
            if self.over or not self._buffer:
                return None
            data = bytes(self._buffer[:_PIECE_MAX])
            del self._buffer[:_PIECE_MAX]
            self._changed.notify_all()
            return data


def send(answer: Answer, run: Run, record: Record) -> Any:
    """Streams an answer. Returns None when it is out; in a coroutine, for what is async itself, a task that ends then."""
    source, answer.source = answer.source, None
    _finish_headers(answer, source)
    stream = _Stream(answer, run, record, Sender())
    if not _is_async(source):
        _pump(source, stream)
        return None
    pumping = _pump_async(source, stream)
    try:
        return asyncio.get_running_loop().create_task(pumping)
    except RuntimeError:
        return asyncio.run(pumping)


class _Stream:
    """An answer, from its first piece on: who has given no content type gets one by it."""

    def __init__(self, answer: Answer, run: Run, record: Record, sender: Sender) -> None:
        self.sender = sender
        self._answer = answer
        self._run = run
        self._record = record
        self._number = 0
        if answer.status in _BODILESS or any(name.lower() == "content-type" for name, _ in answer.headers):
            self._open()

    def _open(self) -> None:
        self._run.answered = True
        self.sender.open(self._answer)
        # The record keeps status and headers; the body is nobody's but the client's.
        self._record.answer = self._answer

    def pieces(self, made: Any) -> Iterator[bytes]:
        """What the author's code has made, as bytes that are not too large."""
        if isinstance(made, str):
            data = memoryview(made.encode("utf-8", "replace"))
        elif isinstance(made, (bytes, bytearray, memoryview)):
            data = memoryview(made).cast("B")
        else:
            kind = type(made).__name__
            raise TypeError(f"pd.respond: piece {self._number} of the body is a {kind}; a stream gives str or bytes")
        self._number += 1
        if self._record.answer is None:
            kind = "text/plain; charset=utf-8" if isinstance(made, str) else "application/octet-stream"
            self._answer.headers.append(("content-type", kind))
            self._open()
        for start in range(0, len(data), _PIECE_MAX):
            yield bytes(data[start : start + _PIECE_MAX])

    def finish(self) -> None:
        """Everything is made."""
        if self._record.answer is None:
            self._open()
        self.sender.end()
        if self.sender.gone:
            sent = self.sender.sent
            self._record.note(f"pd.respond: the client has gone after {sent} bytes of the body; the rest was not made")


def close(source: Any) -> None:
    """Ends what would have given the body. Generators and answers are done with; a file is its owner's."""
    if not hasattr(source, "read") or hasattr(source, "iter_content"):
        end = getattr(source, "close", None)
        if end is not None:
            end()


def _finish_headers(answer: Answer, source: Any) -> None:
    """Gives the answer the content type of its source, and takes from it what was true of the source's own transfer."""
    headers, of_source = answer.headers, getattr(source, "headers", None)
    if any(hasattr(source, name) for name in ("iter_content", "iter_bytes", "aiter_bytes")):  # They decode on the way.
        headers[:] = [pair for pair in headers if pair[0].lower() != "content-encoding"]
    kind = _content_type(source) if of_source is None else of_source.get("content-type")
    if kind and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", str(kind)))


def _content_type(source: Any) -> str:
    name = getattr(source, "name", None)
    if isinstance(name, str) and hasattr(source, "read"):
        import mimetypes

        kind, encoding = mimetypes.guess_type(name)
        if kind is not None and encoding is None:
            return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    if hasattr(source, "encoding") and hasattr(source, "read"):
        return "text/plain; charset=utf-8"
    return "application/octet-stream" if hasattr(source, "read") else ""


def _pump(source: Any, stream: _Stream) -> None:
    sender = stream.sender
    try:
        for made in () if sender.over else _made(source):
            for piece in stream.pieces(made):
                sender.put(piece)
            if sender.over:
                break
        stream.finish()
    except BaseException:
        sender.cut()
        raise
    finally:
        close(source)


async def _pump_async(source: Any, stream: _Stream) -> None:
    loop, sender = asyncio.get_running_loop(), stream.sender
    making = source.aiter_bytes() if hasattr(source, "aiter_bytes") else source.__aiter__()
    try:
        while not sender.over:
            try:
                made = await making.__anext__()
            except StopAsyncIteration:
                break
            for piece in stream.pieces(made):
                if not sender.put(piece, wait=False):
                    await loop.run_in_executor(None, sender.put, piece)
        await loop.run_in_executor(None, stream.finish)
    except BaseException:
        sender.cut()
        raise
    finally:
        end = getattr(making, "aclose", None)
        if end is not None:
            await end()


def _is_async(source: Any) -> bool:
    if hasattr(source, "aiter_bytes"):  # An answer of httpx has both kinds; which one works its stream tells.
        stream = getattr(source, "stream", None)
        return hasattr(stream, "__aiter__") and not hasattr(stream, "__iter__")
    return not hasattr(source, "__next__") and hasattr(source, "__aiter__")


def _made(source: Any) -> Iterator[Any]:
    if hasattr(source, "iter_content"):
        return iter(source.iter_content(_PIECE_MAX))
    if hasattr(source, "iter_bytes"):
        return iter(source.iter_bytes())
    if hasattr(source, "read"):
        return iter(lambda: source.read(_PIECE_MAX) or None, None)
    return iter(source)
