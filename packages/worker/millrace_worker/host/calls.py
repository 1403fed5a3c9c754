"""What user code asks the platform for, on its way between an environment and the runner."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.environment import Environment
from millrace_worker.host.malformed import Malformed
from millrace_worker.host.outbox import Outbox
from millrace_worker.runtime.millrace_runtime import frames

_METHOD = re.compile(r"[a-z]{1,32}(\.[a-z_]{1,32}){1,2}")
_NUMBER_MAX = (1 << 53) - 1
_EXECUTION_MAX = (1 << 32) - 1


class RunCalls:
    """The calls of one run that are not answered yet.

    User code that asks and never reads the answers cannot fill the worker: an answer goes into the channel only when the
    environment has read what was sent before, and until then its call counts as one that waits.
    """

    def __init__(self, assignment: pb.Assignment, outbox: Outbox) -> None:
        self._assignment = assignment
        self._outbox = outbox
        self._path = ""
        self._waiting: set[int] = set()
        self._answers: deque[pb.HostCallResult] = deque()

    def ask(self, path: str, header: dict[str, Any], segments: list[bytes]) -> None:
        """Passes a CALL frame on; raises Malformed when no runtime of ours would send it."""
        if path != self._path:  # Another step: what the one before it still waited for is nobody's any more.
            self._path = path
            self._waiting.clear()
            self._answers.clear()
        number, execution, method = header["number"], header["execution"], header["method"]
        request, body = segments
        _check(number, execution, method)
        if number in self._waiting or len(self._waiting) >= frames.CALLS_MAX:
            raise Malformed(f"call {number} beside {len(self._waiting)} others")
        if len(request) > frames.CALL_REQUEST_MAX or len(body) > frames.CALL_BODY_MAX:
            raise Malformed(f"a call of {len(request)} and {len(body)} bytes")
        self._waiting.add(number)
        call = pb.HostCall(
            assignment=self._assignment,
            path=path,
            number=number,
            execution=execution,
            method=method,
            request_json=request,
            body=body,
        )
        self._outbox.eager(pb.WorkerFrame(call=call))

    def answered(self, result: pb.HostCallResult, environment: Environment) -> None:
        """Passes the runner's answer on, in its turn."""
        if result.path == self._path and result.number in self._waiting:
            self._answers.append(result)
            self._deliver(environment)

    def _deliver(self, environment: Environment) -> None:
        while self._answers and not environment.dead:
            if not environment.when_written(_deliverer(self, environment)):
                return
            result = self._answers.popleft()
            self._waiting.discard(result.number)
            environment.send(frames.CALL_RESULT, _header(result), (result.response_json, result.body))


def _deliverer(calls: RunCalls, environment: Environment) -> Callable[[], None]:
    return lambda: calls._deliver(environment)


def _header(result: pb.HostCallResult) -> dict[str, Any]:
    header: dict[str, Any] = {"number": result.number}
    if result.HasField("error"):
        error = result.error
        header["error"] = {"type": error.type, "reason": error.reason, "message": error.message}
    return header


def _check(number: Any, execution: Any, method: Any) -> None:
    if type(number) is not int or not 1 <= number <= _NUMBER_MAX:
        raise Malformed(f"a call numbered {number!r}")
    if type(execution) is not int or not 1 <= execution <= _EXECUTION_MAX:
        raise Malformed(f"execution {execution!r} of a step")
    if not isinstance(method, str) or not _METHOD.fullmatch(method):
        raise Malformed(f"a call of {method!r}")
