"""How user code asks the platform for something while its step runs: data stores, files, accounts, e-mail.

A call is a CALL frame with a number; its CALL_RESULT comes back with the same one, in any order. The numbers count within
one execution of a step, so that the same code asks with the same numbers when the step has to be run again: path, execution
and number name an operation, and the platform can tell a second copy of it from a second one.
"""

from __future__ import annotations

import json
from _thread import allocate_lock

from millrace_runtime import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from millrace_runtime.channel import Channel

_TYPES: dict[str, type[Exception]] = {
    "KeyError": KeyError,
    "ValueError": ValueError,
    "PermissionError": PermissionError,
    "TimeoutError": TimeoutError,
}
#: Beyond every number that a step can use up.
_APART = 1 << 40
_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class Calls:
    """The calls of the step that runs now; threads of its process may make several at the same time."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = allocate_lock()
        #: By number, whether somebody still wants the answer.
        self._waiting: dict[int, bool] = {}
        self._results: dict[int, bytes] = {}
        self._number = 0
        self._apart = 0
        #: Which execution of the step it is, from 1; 0 while none runs.
        self._execution = 0
        channel.on_result = self._on_result

    def begin(self, execution: int) -> None:
        """A step begins."""
        self._number = self._apart = 0
        self._execution = execution

    def end(self) -> None:
        """The step has ended; what its threads still wait for is given up."""
        with self._lock:
            self._execution = 0
            self._waiting.clear()
            self._results.clear()

    def call(self, method: str, request: Any = None, body: bytes = b"", apart: bool = False) -> tuple[Any, bytes]:
        """Asks and waits for the answer: a JSON value and data beside it.

        A question that changes nothing, and that depends on the time, is asked apart: it takes no number of the others, which
        would mean another operation when the step has to be run again.
        """
        if not self._channel.owned:
            raise RuntimeError(
                f"{method}: this is a child process of the step; only the step's own process can ask the platform "
                "(start the child with data that it needs, or use threads)"
            )
        text = _encode(request).encode("ascii")
        _check_size(method, "arguments", len(text), frames.CALL_REQUEST_MAX)
        _check_size(method, "data", len(body), frames.CALL_BODY_MAX)
        execution, number = self._register(method, apart)
        try:
            header = {"number": number, "execution": execution, "method": method}
            self._channel.send(frames.CALL, header, (text, body))
            self._channel.wait(lambda: number not in self._waiting)
        except BaseException:
            self._abandon(number)
            raise
        result = self._results.pop(number, None)
        if result is None:
            raise RuntimeError(f"{method}: the step has ended before the answer came")
        return _answer(result)

    def _register(self, method: str, apart: bool) -> tuple[int, int]:
        while True:
            with self._lock:
                if not self._execution:
                    raise RuntimeError(f"{method}: no step is running; the platform answers only while one does")
                if len(self._waiting) < frames.CALLS_MAX:
                    self._channel.shared = True
                    number = self._next(apart)
                    self._waiting[number] = True
                    return self._execution, number
            self._channel.wait(lambda: len(self._waiting) < frames.CALLS_MAX)

    def _next(self, apart: bool) -> int:
        if apart:
            self._apart += 1
            return _APART + self._apart
        self._number += 1
        return self._number

    def _abandon(self, number: int) -> None:
        """A signal handler has raised: the answer will still come, and until then the call counts."""
        with self._lock:
            if number in self._waiting:
                self._waiting[number] = False
            self._results.pop(number, None)

    def _on_result(self, body: bytes) -> None:
        """Keeps an answer for the thread that waits for it; one that nobody waits for any more is dropped."""
        number = frames.decode(body)[0]["number"]
        with self._lock:
            if self._waiting.pop(number, False):
                self._results[number] = body


def _check_size(method: str, what: str, size: int, size_max: int) -> None:
    if size > size_max:
        raise ValueError(f"{method}: its {what} may have {size_max >> 10} KiB, not {size / 1024:.1f}")


def _answer(result: bytes) -> tuple[Any, bytes]:
    header, segments = frames.decode(result)
    error = header.get("error")
    if error is None:
        return json.loads(segments[0]) if segments[0] else None, segments[1]
    from pipedream._errors import PlatformError

    raised = _TYPES.get(error["type"], PlatformError)(error["message"])
    raised.reason = error["reason"]  # type: ignore[attr-defined]
    raise raised


_calls: Calls | None = None


def open_calls(channel: Channel) -> Calls:
    """Made once by the environment."""
    global _calls
    _calls = Calls(channel)
    return _calls


def call(method: str, request: Any = None, body: bytes = b"", apart: bool = False) -> tuple[Any, bytes]:
    """Asks the platform, from any thread of the running step; raises what the platform says, such as KeyError.

    `apart` is for questions that change nothing and are not asked in the same order each time.
    """
    if _calls is None:
        raise RuntimeError(f"{method}: there is no platform to ask here")
    return _calls.call(method, request, body, apart)
