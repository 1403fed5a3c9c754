"""Runs a step in plain Python, for its unit tests: no house, no sandbox, data stores in memory.

    from pipedream.testing import run_step

    def test_greeting():
        result = run_step("steps/greet.py", event={"name": "Ada"})
        assert result.returned == {"greeting": "Hello Ada"}

What a step is given and what it hands over passes through JSON, as it does in a house.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from millrace_runtime import calls
from pipedream import _current, _values
from pipedream._errors import FlowExit, PlatformError
from pipedream._inputs import PdInputs
from pipedream._memory_files import MemoryFiles
from pipedream._pd import Pipedream, Record, Run
from pipedream._steps import Attributes, Event, Steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipedream._response import Answer

__all__ = ["PausedRun", "Platform", "Result", "SentAnswer", "run_step"]

_RESULT_BYTES_MAX = 50 << 20
_PAGE = 100


@dataclass
class SentAnswer:
    """What `pd.respond` has sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


@dataclass
class PausedRun:
    """How the run would pause at the end of the step."""

    #: `delay`, `suspend`, `rerun`, or `child` for `pd.flow.trigger` with `wait`.
    kind: str
    ms: float
    #: Of a suspend: `cancel` or `resume`.
    on_timeout: str
    #: Of a rerun.
    context: Any = None
    max_retries: int = 0


@dataclass
class Result:
    """What one execution of a step has come to."""

    #: What `pd.export` has exported, by name.
    exports: dict[str, Any] = field(default_factory=dict)
    #: The handler's return value, as later steps read it under `$return_value`.
    returned: Any = None
    #: The answer of `pd.respond`; None without one.
    answer: SentAnswer | None = None
    #: The reason of `pd.flow.exit`, which may be empty; None when the run goes on.
    exit_reason: str | None = None
    #: The pause that the step asked for; None when the run does not pause.
    pause: PausedRun | None = None
    #: Workflows started with `pd.flow.trigger`: their names and events.
    started: list[tuple[str, Any]] = field(default_factory=list)
    #: What the platform would have said in the step's log.
    notes: list[str] = field(default_factory=list)


class Platform:
    """What answers in place of a house: data stores and files in memory, and mail that is kept instead of sent."""

    def __init__(
        self,
        stores: Mapping[str, Mapping[str, Any]] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        #: Content of the data stores, by the stores' names; a step's undeclared `data_store` is `default`.
        self.stores: dict[str, dict[str, Any]] = {name: dict(content) for name, content in (stores or {}).items()}
        self._files = MemoryFiles(files or {})
        #: Content of the project's files, by path.
        self.files: dict[str, bytes] = self._files.content
        #: Arguments of every `pd.send.email`.
        self.mails: list[dict[str, Any]] = []
        self.streamed = bytearray()
        self._methods: dict[str, Callable[[Any, bytes], tuple[Any, bytes]]] = {
            "store.read": self._read,
            "store.keys": self._keys,
            "store.entries": self._entries,
            "store.count": lambda request, _: (len(self._store(request)), b""),
            "store.clear": self._clear,
            "store.write": self._write,
            "email.send": self._email,
            "link.create": lambda request, _: (
                {"resume_url": "https://house.invalid/resume", "cancel_url": "https://house.invalid/cancel"},
                b"",
            ),
            "trigger.find": lambda request, _: ({"id": request["workflow"], "name": request["workflow"]}, b""),
            "respond.open": lambda request, _: ({"wanted": True, "gone": False}, b""),
            "respond.write": self._respond,
            "respond.end": lambda request, _: ({"full": False, "gone": False}, b""),
            "respond.cut": lambda request, _: (None, b""),
            **self._files.methods,
        }

    def call(self, method: str, request: Any = None, body: bytes = b"", _apart: bool = False) -> tuple[Any, bytes]:
        """Answers what a step asks for."""
        if method not in self._methods:
            raise PlatformError(f"{method}: a unit test has no platform that could answer; pass what the step needs as inputs")
        return self._methods[method](json.loads(json.dumps(request)), body)

    def _store(self, request: Any) -> dict[str, Any]:
        return self.stores.setdefault(request["store"], {})

    def _read(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        store = self._store(request)
        return _entries([(key, store[key]) for key in request["keys"] if key in store], False)

    def _page(self, request: Any) -> tuple[list[tuple[str, Any]], bool]:
        keys = sorted(self._store(request), key=str.encode)
        wanted = [key for key in keys if key.startswith(request["prefix"]) and key.encode() > request["after"].encode()]
        store = self._store(request)
        return [(key, store[key]) for key in wanted[:_PAGE]], len(wanted) > _PAGE

    def _keys(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        page, more = self._page(request)
        return {"keys": [key for key, _ in page], "more": more}, b""

    def _entries(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        return _entries(*self._page(request))

    def _clear(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        self._store(request).clear()
        return None, b""

    def _write(self, request: Any, body: bytes) -> tuple[Any, bytes]:
        store = dict(self._store(request))
        results: list[bytes | None] = []
        position = 0
        for operation in request["operations"]:
            size = operation.get("size") or 0
            results.append(_apply(store, operation, body[position : position + size]))
            position += size
        self.stores[request["store"]] = store
        sizes = [None if result is None else len(result) for result in results]
        return {"sizes": sizes}, b"".join(result for result in results if result is not None)

    def _email(self, request: Any, body: bytes) -> tuple[Any, bytes]:
        self.mails.append({**request, **json.loads(body)})
        return {}, b""

    def _respond(self, _request: Any, body: bytes) -> tuple[Any, bytes]:
        self.streamed += body
        return {"full": False, "gone": False}, b""


def _entries(page: list[tuple[str, Any]], more: bool) -> tuple[Any, bytes]:
    texts = [json.dumps(value).encode() for _, value in page]
    entries = [[key, len(text)] for (key, _), text in zip(page, texts, strict=True)]
    return {"entries": entries, "more": more}, b"".join(texts)


def _apply(store: dict[str, Any], operation: dict[str, Any], value: bytes) -> bytes | None:
    """One operation of a write; returns what the house would."""
    kind, key = operation["kind"], operation["key"]
    before = json.dumps(store[key]).encode() if key in store else None
    if kind == "check":
        expected = json.loads(value) if value else None
        if (store.get(key) if value else before) != expected:
            conflict = PlatformError(f"{key!r} is not what it was")
            conflict.reason = "DATA_STORE_CONFLICT"
            raise conflict
    elif kind == "set" or (kind == "insert" and before is None):
        store[key] = json.loads(value)
    elif kind == "delete":
        store.pop(key, None)
    elif kind == "append":
        store[key] = [*store.get(key, []), *json.loads(b"[" + value + b"]")]
    elif kind == "increment":
        store[key] = store.get(key, 0) + json.loads(operation["amount"])
        return json.dumps(store[key]).encode()
    return before


def run_step(
    step: str | Path | Callable[..., Any],
    event: Any = None,
    steps: Mapping[str, Mapping[str, Any]] | None = None,
    inputs: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    platform: Platform | None = None,
    waits: bool = True,
) -> Result:
    """Runs a step once and returns what came of it; what the step raises is raised here.

    `step` is the path of its file, or its handler. `steps` are earlier steps by name, as `{"name": {"export": ...,
    "$return_value": ...}}`; `inputs` what `pd.inputs` holds, such as `{"slack": {"$auth": {...}}}`, beside the default data
    store; `context` what is to be found in `pd.context["run"]`. Pass a `Platform` to look into its stores afterwards, or to
    fill them. `waits` says whether a client waits for the answer.
    """
    platform = platform or Platform()
    result = Result()
    answers: list[Answer] = []
    record = Record(_RESULT_BYTES_MAX, result.notes.append, answers.append)
    given = PdInputs([])
    given.update(inputs or {})
    run = {"id": "00000000-0000-7000-8000-000000000000", "runs": 1, "resumed": False, "context": None, **(context or {})}
    pd = Pipedream(_steps(event, steps or {}), {"run": run, "trace_parent": ""}, given, Run(not waits), record)
    with _running(pd, platform):
        try:
            returned = _call(step, pd, record)
            if returned is not None and returned is not record.stream:
                result.returned = json.loads(_values.encode(returned, "$return_value"))
        except FlowExit:
            pass
    result.exports = json.loads(record.exports_json() or b"{}")
    result.exit_reason = record.exit
    result.started = [(child.workflow["name"], json.loads(child.event)) for child in record.children]
    if record.pause is not None and record.exit is None:
        pause = record.pause
        context_then = json.loads(pause.context) if pause.context else None
        kind, on_timeout = pause.kind.lower(), pause.on_timeout.lower()
        result.pause = PausedRun(kind, pause.ms, on_timeout, context_then, pause.max_retries)
    if record.answer is not None:
        body = bytes(platform.streamed) or record.answer.body
        result.answer = SentAnswer(record.answer.status, dict(record.answer.headers), body)
    return result


def _steps(event: Any, earlier: Mapping[str, Mapping[str, Any]]) -> Steps:
    made = Steps()
    value = json.loads(_values.encode(event, "event"))
    trigger = {"event": Event(value) if isinstance(value, dict) else value, "context": {"id": "test"}}
    made["trigger"] = Attributes(trigger)
    for name, exports in earlier.items():
        made[name] = Attributes(json.loads(_values.encode(dict(exports), name)))
    return made


def _call(step: str | Path | Callable[..., Any], pd: Pipedream, record: Record) -> Any:
    handler = step if callable(step) else getattr(_load(Path(step)), "handler", None)
    if handler is None:
        return None
    returned = handler(pd)
    return asyncio.run(_await(returned, record)) if inspect.iscoroutine(returned) else returned


async def _await(coroutine: Any, record: Record) -> Any:
    value = await coroutine
    if record.stream is not None:
        await record.stream
    return value


def _load(path: Path) -> ModuleType:
    """A module of its own each time: what a step keeps in globals does not leak from test to test."""
    module = ModuleType(f"millrace_steps.{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True), module.__dict__)
    return module


@contextmanager
def _running(pd: Pipedream, platform: Platform) -> Iterator[None]:
    before, calls._calls = calls._calls, platform  # type: ignore[assignment]
    _current.set_pd(pd)
    try:
        yield
    finally:
        _current.set_pd(None)
        calls._calls = before
