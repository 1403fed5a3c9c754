"""`pd.flow.delay`, `suspend`, `rerun` and `trigger`: what becomes of the run when the step has ended.

Each takes effect at the step's end; of several pauses in one step the last one counts. The links that they return end the
pause from outside, once.
"""

from __future__ import annotations

import hashlib
import time

from millrace_runtime import calls
from pipedream import _values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pipedream._pd import Record

DAY_MS = 24 * 3600 * 1000
YEAR_MS = 365 * DAY_MS
RETRIES_MAX = 10_000
CHILDREN_MAX = 100
CONTEXT_BYTES_MAX = 256 << 10
EVENTS_BYTES_MAX = 1 << 20


class Pause:
    """How the run pauses at the end of the step."""

    def __init__(self, kind: str, ms: float, on_timeout: str = "RESUME") -> None:
        self.kind = kind
        self.ms = ms
        self.on_timeout = on_timeout
        #: Of a rerun, as JSON text.
        self.context = ""
        self.max_retries = 0
        #: Of a trigger that is waited for, the number of its call.
        self.child = 0

    def header(self) -> dict[str, Any]:
        """As the worker reads it."""
        return {
            "kind": self.kind,
            "ms": self.ms,
            "on_timeout": self.on_timeout,
            "context": self.context,
            "max_retries": self.max_retries,
            "child": self.child,
        }

    def text(self) -> str:
        """What the log says of it."""
        until = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + self.ms / 1000)) + " UTC"
        if self.kind == "CHILD":
            return "the run pauses here until the workflow that it has started has ended (pd.flow.trigger)"
        if self.kind == "RERUN":
            return f"the run pauses here; this step is run again at {until} (pd.flow.rerun)"
        if self.kind == "SUSPEND":
            then = "is cancelled" if self.on_timeout == "CANCEL" else "goes on"
            return f"the run pauses here until it is resumed; at {until} it {then} (pd.flow.suspend)"
        return f"the run pauses here until {until} (pd.flow.delay)"

    def would(self) -> str:
        """What the log of a test says of it: there, it returns at once."""
        return f"in a test this returns at once; deployed, {self.text()}"


class Child:
    """A workflow that is started when the step has ended."""

    def __init__(self, number: int, workflow: dict[str, str], event: bytes, time_ms: int) -> None:
        self.number = number
        self.workflow = workflow
        self.event = event
        self.time_ms = time_ms

    def header(self) -> dict[str, Any]:
        """As the worker reads it; the event goes beside it."""
        return {"number": self.number, "time_ms": self.time_ms, **self.workflow}


def delay(record: Record, ms: float) -> dict[str, Any]:
    """Pauses the run for a time."""
    return _pause(record, Pause("DELAY", _duration("pd.flow.delay", "ms", ms)))


def suspend(record: Record, timeout_ms: float, on_timeout: str) -> dict[str, Any]:
    """Pauses the run until a link is followed."""
    if on_timeout not in ("cancel", "resume"):
        raise ValueError(f'pd.flow.suspend: on_timeout is "cancel" or "resume", not {on_timeout!r}')
    return _pause(record, Pause("SUSPEND", _duration("pd.flow.suspend", "timeout_ms", timeout_ms), on_timeout.upper()))


def rerun(record: Record, runs: int, delay_ms: float, context: Any, max_retries: int) -> dict[str, Any]:
    """Pauses the run, then runs the step again; after `max_retries` the run goes on with the next step."""
    ms = _duration("pd.flow.rerun", "delay_ms", delay_ms)
    if not isinstance(max_retries, int) or isinstance(max_retries, bool) or not 0 <= max_retries <= RETRIES_MAX:
        raise ValueError(f"pd.flow.rerun: max_retries is a whole number from 0 to {RETRIES_MAX}, not {max_retries!r}")
    made = Pause("RERUN", ms)
    made.max_retries = max_retries
    if context is not None:
        text = _values.encode(context, "context")
        if len(text) > CONTEXT_BYTES_MAX:
            raise ValueError(f"pd.flow.rerun: the context may have {CONTEXT_BYTES_MAX >> 10} KiB as JSON, not {len(text) >> 10}")
        made.context = text.decode()
    if runs > max_retries:
        record.pause = None
        record.note(
            f"pd.flow.rerun: the step has been run {runs} times and max_retries is {max_retries}; "
            "the run goes on with the next step"
        )
        return {"resume_url": None, "cancel_url": None}
    return _pause(record, made)


def trigger(record: Record, run: str, workflow: str, event: Any, wait: bool) -> dict[str, Any]:
    """Starts another workflow of the project at the step's end."""
    if not isinstance(workflow, str) or not workflow:
        raise TypeError("pd.flow.trigger: the workflow is named by a str")
    if len(record.children) >= CHILDREN_MAX:
        raise ValueError(f"pd.flow.trigger: a step may start {CHILDREN_MAX} workflows")
    text = _values.encode({} if event is None else event, "event")
    size = len(text) + sum(len(child.event) for child in record.children)
    if size > EVENTS_BYTES_MAX:
        raise ValueError(f"pd.flow.trigger: the events of a step may have {EVENTS_BYTES_MAX >> 20} MiB as JSON together")
    found, _ = calls.call("trigger.find", {"workflow": workflow})
    number, now = len(record.children) + 1, time.time_ns() // 1_000_000
    record.children.append(Child(number, found, text, now))
    answer = {"run": _child_id(f"{run}/{record.path}/{number}", now), "workflow": found["name"]}
    if wait:
        made = Pause("CHILD", YEAR_MS, "CANCEL")
        made.child = number
        answer.update(_pause(record, made))
    return answer


def _pause(record: Record, pause: Pause) -> dict[str, Any]:
    links, _ = calls.call("link.create", {"ms": pause.ms})
    if record.is_test:
        record.note(pause.would())
        return {"resume_url": links["resume_url"], "cancel_url": links["cancel_url"]}
    if record.pause is not None:
        record.note("the step has asked for a pause more than once: the last one counts")
    record.pause = pause
    return {"resume_url": links["resume_url"], "cancel_url": links["cancel_url"]}


def _duration(what: str, name: str, ms: Any) -> float:
    if not isinstance(ms, (int, float)) or isinstance(ms, bool):
        raise TypeError(f"{what}: {name} is a number of milliseconds, not {type(ms).__name__}")
    if not 1 <= ms <= YEAR_MS:
        raise ValueError(f"{what}: {name} is from 1 to {YEAR_MS} (a year), not {ms!r}")
    return ms


def _child_id(call: str, time_ms: int) -> str:
    """The id that the platform will give the run: the call's time and a digest of who called, as a UUIDv7."""
    digest = bytearray(time_ms.to_bytes(6, "big") + hashlib.sha256(call.encode()).digest()[:10])
    digest[6] = 0x70 | (digest[6] & 0x0F)
    digest[8] = 0x80 | (digest[8] & 0x3F)
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def given(what: str, named: dict[str, Any], **defaults: Any) -> list[Any]:
    """Arguments by either spelling (`max_retries`, `maxRetries`), in the order of `defaults`."""
    values = dict(defaults)
    for name, value in named.items():
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        if snake not in defaults:
            raise TypeError(f"{what} has no argument {name!r}; it has: {', '.join(defaults)}")
        values[snake] = value
    return list(values.values())
