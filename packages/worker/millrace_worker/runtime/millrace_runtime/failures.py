"""Exceptions as data: type, message, and a traceback that begins in the author's code."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from types import CodeType, TracebackType

from millrace_runtime.limit_hints import limit_hint
from millrace_runtime.modules import PREFIX, Step
from pipedream._errors import PayloadTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RUNTIME = __file__.rsplit("/", 2)[0] + "/"
MESSAGE_MAX = 16 * 1024
TRACEBACK_MAX = 48 * 1024
_OWN_TYPE = re.compile(rf"^([ |+]*)({PREFIX}\.\w+|pipedream\._errors)\.", re.MULTILINE)


def describe(error: BaseException, step: Step) -> dict[str, Any]:
    """The failure of a step as the worker passes it on."""
    too_large = isinstance(error, PayloadTooLarge)
    return {
        "cause": "PAYLOAD_TOO_LARGE" if too_large else "EXCEPTION",
        "type": type_name(type(error)),
        "message": _cut(_text(error), MESSAGE_MAX),
        "traceback": _cut(_traceback(error, step), TRACEBACK_MAX),
        "line": _line(error, step),
    }


def type_name(kind: type) -> str:
    """`KeyError`, `requests.exceptions.Timeout`; an author's own class without a module."""
    module = str(getattr(kind, "__module__", ""))
    if module == "builtins" or module.startswith((PREFIX + ".", "pipedream._")):
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"


def _text(error: BaseException) -> str:
    try:
        return str(error) + _hint(error)
    except BaseException as trouble:
        return f"<its text cannot be had: {type(trouble).__name__}>"


def _hint(error: BaseException) -> str:
    if isinstance(error, NameError):
        return _forgotten_import(error)
    try:
        return limit_hint(error)
    except OSError:
        return ""


def _forgotten_import(error: BaseException) -> str:
    """What newer Pythons say by themselves of a name that would be there had it been imported."""
    name = error.name if isinstance(error, NameError) and not isinstance(error, UnboundLocalError) else None
    if not name or not name.isidentifier() or sys.version_info >= (3, 12):
        return ""
    known = name in sys.stdlib_module_names or name in sys.modules or importlib.util.find_spec(name) is not None
    return f". Did you forget to import '{name}'?" if known else ""


def _traceback(error: BaseException, step: Step) -> str:
    try:
        made = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
        _strip(made)
        if not made.stack:
            made.stack.extend(_handler_frame(step))
        text = "".join(made.format()).rstrip("\n") + _hint(error)
    except BaseException as trouble:
        text = f"{type_name(type(error))}: {_text(error)}\n(no traceback: {type(trouble).__name__})"
    return _OWN_TYPE.sub(r"\1", text).rstrip("\n")


def _strip(made: traceback.TracebackException) -> None:
    """Takes the runtime's frames out of a traceback and of all that are chained to it."""
    made.stack[:] = [frame for frame in made.stack if not frame.filename.startswith(RUNTIME)]
    chained = [made.__cause__, made.__context__, *(getattr(made, "exceptions", None) or ())]
    for other in chained:
        if other is not None:
            _strip(other)


def _handler_code(step: Step) -> CodeType | None:
    handler = step.module.__dict__.get("handler") if step.module else None
    code = getattr(handler, "__code__", None)
    return code if isinstance(code, CodeType) and code.co_filename == step.file_name else None


def _handler_frame(step: Step) -> list[traceback.FrameSummary]:
    code = _handler_code(step)
    return [traceback.FrameSummary(step.file_name, code.co_firstlineno, code.co_name)] if code else []


def _line(error: BaseException, step: Step) -> int:
    """The deepest line in the step's own file; for code that does not compile the line that the compiler names."""
    line = 0
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == step.file_name:
            line = trace.tb_lineno or line
        trace = trace.tb_next
    if not line and isinstance(error, SyntaxError) and error.filename == step.file_name:
        line = error.lineno or 0
    if not line and (code := _handler_code(step)):
        line = code.co_firstlineno
    return max(line, 0)


def _cut(text: str, size: int) -> str:
    """Keeps the beginning and the end, which says what happened."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= size:
        return text
    return f"{text[: size // 2]}\n  … {len(text) - size} characters left out …\n{text[-size // 2 :]}"
