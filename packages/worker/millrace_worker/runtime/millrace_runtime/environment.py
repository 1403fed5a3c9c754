"""The loop of an execution environment: blank, then bound to one version, then one run at a time.

Blank -> (BIND) bound -> (START) in a run -> (the last step, an exit, a failure or END) cleaned up, bound again.
Nothing survives the process; everything the worker has to know goes out as a frame before the next one is read.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import sys
import threading
import time

from millrace_runtime import frames
from millrace_runtime.calls import open_calls
from millrace_runtime.channel import Channel
from millrace_runtime.leftovers import FILE_CLOCK, Baseline, end_children, memory_now, threads_left
from millrace_runtime.modules import Step, make_steps
from pipedream import _current, _values
from pipedream._errors import FlowExit
from pipedream._inputs import PdInputs
from pipedream._pd import Pipedream, Record, Run
from pipedream._response import Answer
from pipedream._steps import Attributes, Event, Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from millrace_runtime.tmp_files import TmpFiles

    #: Header and segments of a FINISHED.
    Finished = tuple[dict[str, Any], list[bytes]]

_OFTEN_IMPORTED = (
    "asyncio",
    "traceback",
    "datetime",
    "urllib.request",
    "logging",
    "subprocess",
    "uuid",
    "hashlib",
    "dataclasses",
)


_TMP = "/tmp"
_decode_json = json.JSONDecoder().decode


class CurrentRun:
    """A run in this environment."""

    def __init__(self, header: dict[str, Any], segments: list[bytes]) -> None:
        self.header = header
        self.began_ns = time.clock_gettime_ns(FILE_CLOCK)
        #: What it has in /tmp, from the moment on in which there is something.
        self.tmp: TmpFiles | None = None
        #: Why it does not find there what it had elsewhere.
        self.tmp_lost = ""
        self.shared = Run(header["nobody_waits"])
        self.event_json, self.context_json = segments[0], segments[1]
        self.done: list[tuple[str, bytes, bytes | None]] = []
        rest = iter(segments[2:])
        for name, returned in header["done"]:
            self.done.append((name, next(rest), next(rest) if returned else None))
        #: What the first step that runs here after a pause is told.
        self.turn: dict[str, Any] | None = header.get("turn")
        #: True for a test of a draft: it is given results of earlier tests, keeps /tmp for later ones, and does not pause.
        self.is_test = b'"test":true' in self.context_json

    def fill(self, steps: Steps) -> None:
        """Makes `pd.steps`, anew for each step: what one step changes in it is not seen by another, here or elsewhere."""
        steps.clear()
        event = _decode_json(str(self.event_json, "utf-8", "surrogatepass")) if self.event_json else None
        if isinstance(event, dict):
            event = Event(event) if self.header["fallback"] else Attributes(event)
        context = _decode_json(str(self.context_json, "utf-8", "surrogatepass")) if self.context_json else {}
        steps["trigger"] = Attributes(event=event, context=context)
        for name, exports, returned in self.done:
            made = Attributes(json.loads(exports)) if exports else Attributes()
            if returned is not None:
                made["$return_value"] = json.loads(returned)
            steps[name] = made
        if "resumes" in self.header:
            from millrace_runtime.resumes import add_resumes

            add_resumes(steps, self.header["resumes"])

    def context(self) -> dict[str, Any]:
        """`pd.context`."""
        run = {"id": self.header["run"], "runs": 1, "resumed": self.header["resumed"], "context": None}
        if self.turn is not None:
            from millrace_runtime.resumes import told

            run.update(told(self.turn))
            self.turn = None
        return {"run": run, "trace_parent": self.header["trace_parent"]}


class Environment:
    """The state of this interpreter."""

    def __init__(self) -> None:
        self._channel = Channel()
        self._calls = open_calls(self._channel)
        self._baseline = Baseline()
        self._pd_steps = Steps()
        self._steps: list[Step] = []
        self._bounds: dict[str, Any] = {}
        self._run: CurrentRun | None = None
        self._coroutines: Any = None
        self._own_pids = False
        self._deadline = 0.0
        self._empty_tmp = _files_in_tmp()
        #: Modules there were when a version with packages came, and how many when they were last told.
        self._own_modules: frozenset[str] | None = None
        self._modules_told = 0
        faulthandler.register(frames.STACK_SIGNAL, file=frames.CONTROL_OUT, all_threads=False, chain=False)
        faulthandler.enable(file=frames.CONTROL_OUT, all_threads=False)

    def serve(self) -> None:
        """Does what the worker says until the channel ends."""
        self._channel.send(frames.READY, {"memory": memory_now()})
        handlers = {
            frames.BIND: self._bind,
            frames.START: self._start,
            frames.STEP: self._step,
            frames.END: self._end,
        }
        handlers[frames.CHECK] = self._check
        handlers[frames.PREPARE] = self._prepare
        handlers[frames.IMPORT_OFTEN] = self._import_often
        while True:
            kind, header, segments = self._channel.receive()
            handlers[kind](header, segments)

    def _import_often(self, _header: dict[str, Any], _segments: list[bytes]) -> None:
        for name in _OFTEN_IMPORTED:
            if self._channel.ready():
                break
            __import__(name)

    def _bind(self, header: dict[str, Any], _segments: list[bytes]) -> None:
        self._steps = make_steps(header["steps"])
        self._bounds = header["bounds"]
        if processes := self._bounds.get("processes_max"):
            # Both limits, so that no code of the version's can raise them again.
            resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
        # Killing every process in sight is right only where they are all ours.
        self._own_pids = os.stat("/proc/self/ns/pid").st_ino != header["host_pid_namespace"]
        if "modules" in header:
            from millrace_runtime.beside import find_modules_in

            find_modules_in(header["modules"], [step.file_name for step in self._steps])
        # Behind Python's own: a package that is called as one of its modules hides nothing. Entries of the path are not
        # searched for `.pth` files, which could run code of their own.
        if "packages" in header:
            sys.path.append(header["packages"])
            self._own_modules = frozenset(sys.modules)
            self._modules_told = len(sys.modules)

    def _prepare(self, header: dict[str, Any], _segments: list[bytes]) -> None:
        """Imports packages and what of Python's own they want, before a run is there; the author's code waits for the run."""
        from millrace_runtime.preparing import import_all

        self._baseline.begin(header["environment"])
        import_all(header["modules"])
        self._channel.leave_in_child()
        self._baseline.flush()
        strays = self._baseline.restore(self._own_pids)
        damaged = self._baseline.damage() is not None
        self._channel.send(frames.PREPARED, {"strays": strays, "memory": memory_now(), "damage": damaged})

    def _check(self, header: dict[str, Any], _segments: list[bytes]) -> None:
        from millrace_runtime.check import examine

        self._channel.send(frames.CHECKED, examine(header["steps"], header["modules"]))

    def _start(self, header: dict[str, Any], segments: list[bytes]) -> None:
        self._run = CurrentRun(header, segments)
        variables = dict(header["environment"])
        if header["trace_parent"]:
            variables.setdefault("TRACEPARENT", header["trace_parent"])
        self._baseline.begin(variables)
        if "tmp" in header:
            self._restore_tmp(self._run, header["tmp"], segments[-1])
        self._step(header, [])

    def _step(self, header: dict[str, Any], _segments: list[bytes]) -> None:
        run, step = self._run, self._steps[header["step"]]
        assert run is not None
        self._deadline = header["deadline"]
        record = Record(self._bounds["result_bytes_max"], self._note, self._respond)
        record.path = step.path if run.turn is None else run.turn["path"]
        failure = self._execute(run, step, record)
        self._channel.leave_in_child()
        self._baseline.flush()
        # Behind the last step there is one look at the descriptors, for the step and for what is to come; a pause says so first.
        is_over = record.pause is None and (failure is not None or record.exit is not None or header["last"])
        strays = self._forget_run() if is_over else 0
        damage = self._baseline.damage()
        if failure is None and damage is not None:
            failure = {
                "cause": "EXCEPTION",
                "type": "DescriptorClosed",
                "message": damage,
                "traceback": "",
                "line": 0,
            }
        ends = failure is not None or record.exit is not None
        pauses = record.pause is not None and not ends
        if pauses and record.pause is not None:
            self._note(record.pause.text())
        ends = ends or (header["last"] and not pauses)
        finished = self._finished(record, failure, None if ends else self._changed_tmp(run))
        if is_over:
            self._say_clean(strays, damage is not None, finished)
        elif ends or pauses:
            self._clean_up(finished)
        else:
            run.done.append((step.name, record.exports_json(), record.returned))
            self._channel.send(frames.FINISHED, *finished)

    def _changed_tmp(self, run: CurrentRun) -> tuple[bytes, str] | None:
        """What is in /tmp when that has changed and may have to move with the run. While it is empty this is one system call."""
        if self._bounds.get("tmp_saved_bytes") is None or (run.tmp is None and _files_in_tmp() <= self._empty_tmp):
            return None
        return self._tmp_of(run).changed()

    def _tmp_of(self, run: CurrentRun) -> TmpFiles:
        if run.tmp is None:
            from millrace_runtime.tmp_files import TmpFiles

            run.tmp = TmpFiles(_TMP, self._bounds["tmp_saved_bytes"], run.began_ns)
        return run.tmp

    def _restore_tmp(self, run: CurrentRun, unsaved: str, content: bytes) -> None:
        """Without it the run goes on all the same, and says why where it misses something."""
        run.tmp_lost = unsaved
        if content and self._bounds.get("tmp_saved_bytes") is not None:
            try:
                self._tmp_of(run).restore(content)
            except Exception as error:  # Another environment's user code may have written it.
                run.tmp_lost = f"it could not be put back: {error}"

    def _finished(self, record: Record, failure: dict[str, Any] | None, tmp: tuple[bytes, str] | None) -> Finished:
        header: dict[str, Any] = {"returned": record.returned is not None}
        if failure is not None:
            header["failure"] = failure
        elif record.exit is not None:
            header["exit"] = record.exit[:4096].encode("utf-8", "replace").decode()
        elif record.pause is not None:
            header["pause"] = record.pause.header()
        if record.answer is not None:
            header["answer"] = record.answer.header()
        if record.is_test:
            from millrace_runtime import draft_tests

            header["peak_memory"] = draft_tests.peak_memory_bytes()
        segments = [
            record.exports_json(),
            record.returned or b"",
            record.answer.body if record.answer else b"",
        ]
        if tmp is not None:
            segments.append(tmp[0])
            header["tmp"] = tmp[1]
        if record.children and failure is None:
            header["children"] = [child.header() for child in record.children]
            segments.extend(child.event for child in record.children)
        return header, segments

    def _execute(self, run: CurrentRun, step: Step, record: Record) -> dict[str, Any] | None:
        """Runs the author's code; returns its failure."""
        try:
            run.fill(self._pd_steps)
            pd = Pipedream(self._pd_steps, run.context(), PdInputs(step.inputs), run.shared, record)
            _current.set_pd(pd)
            self._calls.begin(pd.context["run"]["runs"])
            if run.is_test:
                from millrace_runtime import draft_tests

                draft_tests.begin(run, self._pd_steps, record, self._tmp_of)
            sys.argv = [step.file_name]
            self._call(step, pd, record)
        except BaseException as error:
            # From here on the author's frames are gone; nothing of theirs can interrupt the report but a signal.
            return self._failure(error, step, record)
        finally:
            if run.is_test:
                from millrace_runtime import draft_tests

                draft_tests.end(run, record, self._tmp_of)
            _current.set_pd(None)
            self._calls.end()
        return None

    def _call(self, step: Step, pd: Pipedream, record: Record) -> None:
        if step.module is None:
            module = step.load()
            if step.module is None:
                return
        module = step.module
        value = module.__dict__["handler"](pd)
        if hasattr(value, "cr_frame"):
            value = self._await(value, record)
        if value is not None and value is not record.stream:
            record.returned = _values.encode(value, "$return_value")
            try:
                record.check_size("the return value")
            except Exception:
                record.returned = None
                raise

    def _await(self, coroutine: Any, record: Record) -> Any:
        if self._coroutines is None:
            from millrace_runtime.coroutines import Coroutines

            self._coroutines = Coroutines(self._note, lambda text: self._channel.send(frames.STACK, {"stack": text}))
        return self._coroutines.run(coroutine, self._deadline, record)

    def _failure(self, error: BaseException, step: Step, record: Record) -> dict[str, Any] | None:
        if record.exit is not None and _only_exits(error):
            return None
        if isinstance(error, SystemExit) and error.code in (None, 0, False):
            return None
        return _described(error, step, self._explain_missing)

    def _explain_missing(self, error: BaseException) -> str:
        """Why a path in /tmp is not there, for a run that has had another /tmp before."""
        if self._run is None or not self._run.header["resumed"]:
            return ""
        from millrace_runtime.tmp_files import missing_in

        path, lost = missing_in(_TMP, error), self._run.tmp_lost
        if path is None:
            return ""
        why = f"what was in the other one was not saved: {lost}" if lost else "only what it had saved in the other one is there"
        note = f"{path} is missing: the run went on in another environment with a /tmp of its own; {why}"
        error.add_note(note)
        return note

    def _end(self, _header: dict[str, Any], _segments: list[bytes]) -> None:
        self._clean_up()

    def _clean_up(self, finished: Finished | None = None) -> None:
        strays = self._forget_run()
        self._say_clean(strays, self._baseline.damage() is not None, finished)

    def _forget_run(self) -> int:
        """Undoes what the run left, threads apart; returns how many rounds of child processes there were."""
        strays = self._baseline.restore(self._own_pids)
        self._run = None
        self._pd_steps.clear()
        return strays

    def _say_clean(self, strays: int, damaged: bool, finished: Finished | None) -> None:
        """A step's end and the word that all is clean are one frame, unless threads have to end in between."""
        names = []
        if threading.active_count() > 1:
            if finished is not None:
                self._channel.send(frames.FINISHED, *finished)
                finished = None
            names = threads_left()
            if names:
                strays += end_children(self._own_pids)
            damaged = self._baseline.damage() is not None
        state = {"threads": names, "strays": strays, "memory": memory_now(), "damage": damaged}
        if self._own_modules is not None and len(sys.modules) != self._modules_told:
            from millrace_runtime.preparing import imported

            self._modules_told = len(sys.modules)
            state["imported"] = imported(self._own_modules)
        if finished is None:
            self._channel.send(frames.IDLE, state)
        else:
            header, segments = finished
            header["idle"] = state
            self._channel.send(frames.FINISHED, header, segments)

    def _note(self, text: str) -> None:
        self._baseline.flush()
        self._channel.send(frames.NOTE, {"text": text[:4096]})

    def _respond(self, answer: Answer) -> None:
        self._channel.send(frames.RESPOND, answer.header(), [answer.body])


def _files_in_tmp() -> int:
    status = os.statvfs(_TMP)
    return status.f_files - status.f_ffree


def _described(error: BaseException, step: Step, explain: Callable[[BaseException], str]) -> dict[str, Any]:
    try:
        return _describe(error, step, explain)
    except BaseException:  # Out of memory or of open files, most likely: what the author's frames hold is needed no longer.
        _let_go(error)
    try:
        return _describe(error, step, explain)
    except BaseException as trouble:  # The type is better than nothing.
        kind = type(error).__name__
        message = f"{_text_of(error)}(no details: {type(trouble).__name__})"
        return {"cause": "EXCEPTION", "type": kind, "message": message, "traceback": "", "line": 0}


def _text_of(error: BaseException) -> str:
    try:
        return f"{str(error)[:1024]} "
    except BaseException:
        return ""


def _describe(error: BaseException, step: Step, explain: Callable[[BaseException], str]) -> dict[str, Any]:
    # The import, too, may find that nothing is left to open a file with.
    from millrace_runtime.failures import describe

    missing = explain(error)
    failure = describe(error, step)
    return {**failure, "message": f"{failure['message']} ({missing})"} if missing else failure


def _let_go(error: BaseException) -> None:
    entry = error.__traceback__
    while entry is not None:
        try:
            entry.tb_frame.clear()
        except RuntimeError:  # It is still running.
            pass
        entry = entry.tb_next


def _only_exits(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_only_exits(one) for one in error.exceptions)
    return isinstance(error, FlowExit)


def main() -> None:
    """Runs until the worker closes the channel."""
    Environment().serve()
