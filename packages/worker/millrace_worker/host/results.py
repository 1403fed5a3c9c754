"""What an environment says about a step, checked and turned into the contract's messages."""

from __future__ import annotations

import re
from typing import Any

from millrace_worker.generated import step_pb2 as pb
from millrace_worker.host.bounds import Bounds
from millrace_worker.host.environment import signal_name
from millrace_worker.host.malformed import Malformed, check_json
from millrace_worker.host.pauses import children_from, pause_from
from millrace_worker.runtime.millrace_runtime import frames
from millrace_worker.sandbox import ExitInfo

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REASON_MAX = 500
# The runtime cuts earlier; these are for who pretends to be it.
_TYPE_MAX, _MESSAGE_MAX, _TRACEBACK_MAX, _EXIT_REASON_MAX = 1 << 10, 1 << 15, 1 << 16, 1 << 12


def fill_result(result: pb.StepResult, header: dict[str, Any], segments: list[bytes]) -> None:
    """Puts a FINISHED frame into a result; raises Malformed when user code has forged it."""
    try:
        exports, returned, body, *rest = segments
        tmp = [rest.pop(0)] if "tmp" in header else []
        if exports:
            check_json(exports, dict)
            result.exports_json = exports
        if header.get("returned"):
            check_json(returned, object)
            result.return_value_json = returned
        if (answer := header.get("answer")) is not None:
            result.response.CopyFrom(response_from(answer, body))
        if tmp:
            result.tmp.content = tmp[0]
            result.tmp.unsaved = header["tmp"][:_REASON_MAX]
        if (failure := header.get("failure")) is not None:
            result.failure.CopyFrom(_failure_from(failure))
        elif (reason := header.get("exit")) is not None:
            result.exit.reason = reason[:_EXIT_REASON_MAX]
        elif "pause" in header:
            result.pause.CopyFrom(pause_from(header["pause"]))
        if "peak_memory" in header:
            result.peak_memory_bytes = header["peak_memory"]
        if "children" in header:
            result.children.extend(children_from(header["children"], rest, result.start_time))
        elif rest:
            raise Malformed(f"{len(rest)} segments too many")
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise Malformed(f"{type(error).__name__}: {error}") from None


def check_sizes(result: pb.StepResult, bounds: Bounds) -> None:
    """Raises Malformed for more than the runtime would have let pass; a frame as such may hold both at once."""
    body = len(result.response.body) if result.HasField("response") else 0
    if len(result.exports_json) + len(result.return_value_json) + body > bounds.result_bytes_max:
        raise Malformed("more output than a step may have")
    if len(result.tmp.content) > bounds.tmp_saved_bytes:
        raise Malformed("more of /tmp than is saved")


def response_from(header: dict[str, Any], body: bytes) -> pb.Response:
    """An HTTP answer; raises Malformed when it could not be sent as one."""
    try:
        response = pb.Response(status=header["status"], body=body, immediate=bool(header.get("immediate")))
        for name, value in header["headers"]:
            if not _HEADER_NAME.fullmatch(name) or re.search(r"[\r\n\0]", value):
                raise Malformed(f"a header called {name!r}")
            response.headers.add(name=name, value=value)
        if not 200 <= response.status <= 599:
            raise Malformed(f"status {response.status}")
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise Malformed(f"{type(error).__name__}: {error}") from None
    return response


def _failure_from(failure: dict[str, Any]) -> pb.StepFailure:
    too_large = failure["cause"] == "PAYLOAD_TOO_LARGE"
    return pb.StepFailure(
        cause=pb.FAILURE_CAUSE_PAYLOAD_TOO_LARGE if too_large else pb.FAILURE_CAUSE_EXCEPTION,
        type=failure["type"][:_TYPE_MAX],
        message=failure["message"][:_MESSAGE_MAX],
        traceback=failure["traceback"][:_TRACEBACK_MAX],
        line=failure["line"],
    )


def failure_from_death(info: ExitInfo) -> pb.StepFailure:
    """The failure of a step whose environment has died while it ran."""
    if info.kind == "out_of_memory":
        return pb.StepFailure(cause=pb.FAILURE_CAUSE_OUT_OF_MEMORY, type="OutOfMemory", message=info.message)
    if info.kind == "too_many_processes":
        return pb.StepFailure(cause=pb.FAILURE_CAUSE_PROCESS_KILLED, type="TooManyProcesses", message=info.message)
    if info.kind == "exited":
        message = info.message
        if info.exit_code == frames.EXIT_CHANNEL_LOST:
            message = "ended because the step closed its connection with the platform (file descriptors 1000 and 1001)"
        return pb.StepFailure(cause=pb.FAILURE_CAUSE_PROCESS_EXITED, type="ProcessExited", message=message)
    message = info.message
    if info.kind == "signalled" and info.signal:
        message = f"killed by signal {info.signal} ({signal_name(info.signal)})"
    return pb.StepFailure(cause=pb.FAILURE_CAUSE_PROCESS_KILLED, type="ProcessKilled", message=message)


def failure_text(failure: pb.StepFailure) -> str:
    """The failure as the last log entry of its step shows it."""
    last = f"{failure.type}: {failure.message}" if failure.message else failure.type
    if failure.cause in (pb.FAILURE_CAUSE_EXCEPTION, pb.FAILURE_CAUSE_PAYLOAD_TOO_LARGE) and failure.traceback:
        return failure.traceback
    return f"{failure.traceback}\n{last}" if failure.traceback else last
