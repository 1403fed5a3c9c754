"""What StartRun says, as a run and its environment take it."""

from __future__ import annotations

from typing import Any

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.bounds import seconds
from millrace_worker.host.versions import Version

FOREVER = float("inf")


def life_end(message: pb.StartRun | pb.Life, now: float) -> float:
    """When an assignment's life is over, on the machine's monotonic clock."""
    if message.life_end_us:
        return message.life_end_us / 1e6
    return now + seconds(message.life) if message.HasField("life") else FOREVER


def first_index(version: Version, start: pb.StartRun) -> int:
    """The step behind the last checkpoint."""
    return 1 + max((version.index_by_path.get(step.path.partition("/runs/")[0], -1) for step in start.done_steps), default=-1)


def turn_header(turn: pb.Turn) -> dict[str, Any]:
    """What the first step after a pause is told, as the environment reads it."""
    context, resume = turn.context_json.decode(), turn.resume_json.decode()
    return {"path": turn.path, "runs": turn.runs, "context": context, "resume": resume}


def start_frame(start: pb.StartRun) -> tuple[dict[str, Any], list[bytes]]:
    """Header and segments of a START, but for what its first step adds to the header."""
    header: dict[str, Any] = {
        "run": start.assignment.run_id,
        "environment": dict(start.environment),
        "done": [(step.name, step.HasField("return_value_json")) for step in start.done_steps],
        "fallback": start.event_falls_back_to_body,
        "resumed": start.resumed,
        "nobody_waits": start.nobody_waits,
        "trace_parent": start.trace_parent,
    }
    resumes = {step.name: step.resume_json.decode() for step in start.done_steps if step.HasField("resume_json")}
    if resumes:
        header["resumes"] = resumes
    if start.HasField("turn"):
        header["turn"] = turn_header(start.turn)
    segments = [start.event_json, start.context_json]
    for step in start.done_steps:
        segments.append(step.exports_json)
        if step.HasField("return_value_json"):
            segments.append(step.return_value_json)
    if start.HasField("tmp") and (start.tmp.content or start.tmp.unsaved):
        header["tmp"] = start.tmp.unsaved
        segments.append(start.tmp.content)
    return header, segments
