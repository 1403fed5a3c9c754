"""What an environment says about the end of a step that pauses its run or starts others, checked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from millrace_worker.generated import step_pb2 as pb
from millrace_worker.host.malformed import Malformed, check_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

_YEAR_MS = 365 * 24 * 3600 * 1000
_RETRIES_MAX = 10_000
_CHILDREN_MAX = 100
# As the runtime counts them: a larger event could start a run that no message can hand to a runner.
_EVENTS_BYTES_MAX = 1 << 20
_NAME_MAX = 256
_CONTEXT_BYTES_MAX = 1 << 20
_CLOCK_SLACK_MS = 1000


def pause_from(header: dict[str, Any]) -> pb.Pause:
    """The pause that a step asks for, counted from now."""
    ms, context, retries = header["ms"], header["context"], header["max_retries"]
    if not 1 <= ms <= _YEAR_MS or not 0 <= retries <= _RETRIES_MAX or len(context) > _CONTEXT_BYTES_MAX:
        raise Malformed("a pause out of its bounds")
    if context:
        check_json(context.encode(), object)
    pause = pb.Pause(
        kind=pb.PauseKind.Value(f"PAUSE_KIND_{header['kind']}"),
        on_timeout=pb.PauseTimeout.Value(f"PAUSE_TIMEOUT_{header['on_timeout']}"),
        context_json=context.encode(),
        max_retries=retries,
        child_number=header["child"],
    )
    set_ms(pause.wake_time, time.time_ns() // 1_000_000 + int(ms))
    return pause


def children_from(headers: list[dict[str, Any]], events: Sequence[bytes], start: Timestamp) -> list[pb.ChildStart]:
    """The workflows that a step starts; the clock of the call is the environment's, within that of the step."""
    if len(headers) != len(events) or len(headers) > _CHILDREN_MAX:
        raise Malformed("workflows to be started and events do not agree")
    if sum(map(len, events)) > _EVENTS_BYTES_MAX:
        raise Malformed("larger events than workflows are started with")
    children = []
    for number, (header, event) in enumerate(zip(headers, events, strict=True), 1):
        time_ms = header["time_ms"]
        earliest = start.seconds * 1000 - _CLOCK_SLACK_MS
        if header["number"] != number or not earliest <= time_ms <= time.time() * 1000 + _CLOCK_SLACK_MS:
            raise Malformed("the call of a workflow that is no such call")
        if len(header["id"]) > _NAME_MAX or len(header["name"]) > _NAME_MAX:
            raise Malformed("a workflow's name is too long")
        check_json(event, object)
        child = pb.ChildStart(number=number, workflow_id=header["id"], workflow_name=header["name"], event_json=event)
        set_ms(child.call_time, time_ms)
        children.append(child)
    return children


def set_ms(target: Timestamp, ms: int) -> None:
    """Sets a protobuf timestamp to milliseconds since 1970."""
    target.seconds = ms // 1000
    target.nanos = ms % 1000 * 1_000_000
