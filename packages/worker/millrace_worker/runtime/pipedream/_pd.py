"""The `pd` object and what a step leaves in it."""

from __future__ import annotations

import json
import threading

from pipedream import _response, _values
from pipedream._errors import FlowExit, PayloadTooLarge
from pipedream._inputs import PdInputs
from pipedream._steps import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from pipedream._files import Files
    from pipedream._pauses import Child, Pause
    from pipedream._send import Send

_NAME_MAX = 256
_MIB = 1 << 20
_DAY_MS = 24 * 3600 * 1000


class Record:
    """What one execution of a step has produced so far, as the JSON text that leaves the environment."""

    def __init__(self, bytes_max: int, note: Callable[[str], None], send: Callable[[_response.Answer], None]) -> None:
        self.exports: dict[str, bytes] = {}
        self.returned: bytes | None = None
        self.answer: _response.Answer | None = None
        self.exit: str | None = None
        #: How the run pauses when the step has ended, and what it starts then.
        self.pause: Pause | None = None
        self.children: list[Child] = []
        #: Address of the step run.
        self.path = ""
        #: In a test of a draft, which does not pause.
        self.is_test = False
        #: In a coroutine, the task that sends an answer's body piece by piece.
        self.stream: Any = None
        self.note = note
        self.send = send
        self._bytes_max = bytes_max

    def exports_json(self) -> bytes:
        """The exports as one JSON object; empty without any."""
        if not self.exports:
            return b""
        members = (json.dumps(name).encode("ascii") + b":" + value for name, value in self.exports.items())
        return b"{" + b",".join(members) + b"}"

    def check_size(self, what: str) -> None:
        """Raises when the step has produced more than its limit; `what` came last."""
        size = sum(len(name) + len(value) + 4 for name, value in self.exports.items()) + len(self.returned or b"")
        if self.answer is not None:
            size += len(self.answer.body) + sum(len(name) + len(value) for name, value in self.answer.headers)
        if size > self._bytes_max:
            raise PayloadTooLarge(
                f"exports, return value and answer of a step may have {self._bytes_max / _MIB:.4g} MiB together; "
                f"with {what} they have {size / _MIB:.2f} MiB"
            )


class Run:
    """What all steps of a run share: whether it was answered, and whether anybody waits for that."""

    def __init__(self, nobody_waits: bool) -> None:
        self.answered = False
        self.nobody_waits = nobody_waits


class Flow:
    """`pd.flow`: what happens to the run."""

    def __init__(self, record: Record, context: dict[str, Any]) -> None:
        self._record = record
        self._context = context

    def exit(self, reason: str = "") -> NoReturn:
        """Ends the run at this line, as succeeded; `reason` is kept with it."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                "pd.flow.exit: only the thread that runs the step can end the run at a line, not a thread that it started; "
                "let that thread say so, for example with a threading.Event, and call pd.flow.exit where it is waited for"
            )
        if self._record.exit is None:
            self._record.exit = str(reason)
        raise FlowExit(reason)

    def delay(self, ms: float) -> dict[str, Any]:
        """Pauses the run at the end of the step for `ms` milliseconds, up to a year."""
        from pipedream import _pauses

        return _pauses.delay(self._record, ms)

    def suspend(self, timeout_ms: float = _DAY_MS, on_timeout: str = "cancel", **camel: Any) -> dict[str, Any]:
        """Pauses the run at the end of the step until somebody follows one of the links that this returns.

        After `timeout_ms` (24 h) the run is cancelled, or, with `on_timeout="resume"`, goes on.
        """
        from pipedream import _pauses

        values = _pauses.given("pd.flow.suspend", camel, timeout_ms=timeout_ms, on_timeout=on_timeout)
        return _pauses.suspend(self._record, *values)

    def rerun(self, delay_ms: float | None = None, context: Any = None, max_retries: int = 10, **camel: Any) -> dict[str, Any]:
        """Runs this step again `delay_ms` after its end; it then finds `context` as `pd.context["run"]["context"]`.

        After `max_retries` executions more the run goes on with the next step.
        """
        from pipedream import _pauses

        values = _pauses.given("pd.flow.rerun", camel, delay_ms=delay_ms, context=context, max_retries=max_retries)
        return _pauses.rerun(self._record, self._context["run"]["runs"], *values)

    def trigger(self, workflow: str, event: Any = None, wait: bool = False) -> dict[str, Any]:
        """Starts another workflow of the project at the end of the step; with `wait` the run pauses until that has ended."""
        from pipedream import _pauses

        return _pauses.trigger(self._record, self._context["run"]["id"], workflow, event, wait)


class Pipedream:
    """The argument of `handler(pd)`."""

    def __init__(self, steps: Steps, context: dict[str, Any], inputs: PdInputs, run: Run, record: Record) -> None:
        #: The trigger and what earlier steps exported, by step name.
        self.steps = steps
        #: About the run: `pd.context["run"]["id"]`.
        self.context = context
        #: Accounts and data stores connected to the step.
        self.inputs = inputs
        #: `pd.flow.exit`, pauses, and starting other workflows.
        self.flow = Flow(record, context)
        self._run = run
        self._record = record

    @property
    def files(self) -> Files:
        """The project's long-term file store."""
        from pipedream._files import Files

        return Files()

    @property
    def send(self) -> Send:
        """`pd.send.http` and `pd.send.email`."""
        from pipedream._send import Send

        return Send()

    def __repr__(self) -> str:
        return f"<pd: steps {', '.join(self.steps)}>"

    def export(self, name: str, value: Any) -> None:
        """Exports a value for later steps, as it is at this moment; it must be JSON."""
        if not isinstance(name, str):
            raise TypeError(f"pd.export: the name must be a str, not {type(name).__name__}")
        if not name or len(name) > _NAME_MAX or name == "$return_value":
            raise ValueError(f"pd.export: {name[:_NAME_MAX]!r} cannot be the name of an export")
        record = self._record
        before = record.exports.get(name)
        record.exports[name] = _values.encode(value, name)
        try:
            record.check_size(f"{name!r}")
        except PayloadTooLarge:
            del record.exports[name]
            if before is not None:
                record.exports[name] = before
            raise

    def respond(self, response: dict[str, Any] | None = None, /, **named: Any) -> Any:
        """Answers the HTTP request that started the run: `status` and `body`, and `headers` and `immediate` if need be.

        A body that comes in pieces (a file, a generator, a response of `requests`) goes out while it is made; for an
        asynchronous one in a coroutine, the call can be awaited, and is at the end of the step if it was not.
        """
        made = _response.answer(response, named)
        if self._run.answered or self._record.stream is not None:
            self._record.note("pd.respond was called again in this run: the first answer stands, this one is ignored")
            return None
        if made.source is not None and not self._run.nobody_waits:
            return self._stream(made)
        self._record.answer = made
        try:
            self._record.check_size("the answer")
        except PayloadTooLarge:
            self._record.answer = None
            raise
        self._run.answered = True
        # A test is shown what it would answer.
        if self._run.nobody_waits and not self._record.is_test:
            self._record.note(
                "pd.respond: nobody waits for this answer, because no HTTP trigger with 'respond: workflow' started the run; "
                "it is kept with the run"
            )
        if made.immediate:
            self._record.send(made)
        return None

    def _stream(self, made: _response.Answer) -> Any:
        from pipedream import _stream

        self._record.stream = _stream.send(made, self._run, self._record)
        return self._record.stream
