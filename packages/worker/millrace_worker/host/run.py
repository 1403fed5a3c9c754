"""One run in this worker, from StartRun to RunGone.

WAITING   for an environment           -> STEP, or gone (refused)
STEP      user code runs               -> BETWEEN (finished, more steps), OVER (last, exit, failure, death)
BETWEEN   the checkpoint is on its way -> STEP (Proceed), HELD (Proceed, but the assignment is not renewed)
HELD      waits for a renewal          -> STEP
OVER      nothing more will run        -> gone: at once when its environment is clean and its place is not a limited workflow's,
                                          else when told by EndRun; the environment is another run's as soon as it is clean
ENDING    told to go, kill under way   -> gone, when the environment is dead

Nothing of it survives the worker; the runner tells the owner that its runs are gone.
"""

from __future__ import annotations

import asyncio
import enum
import time
from typing import TYPE_CHECKING, Any

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import step_pb2 as step_pb
from millrace_worker.host.beginnings import FOREVER, first_index, life_end, start_frame
from millrace_worker.host.bounds import seconds
from millrace_worker.host.calls import RunCalls
from millrace_worker.host.environment import Environment
from millrace_worker.host.lines import RunLines
from millrace_worker.host.malformed import Malformed
from millrace_worker.host.outbox import LAZY_SECONDS
from millrace_worker.host.results import (
    check_sizes,
    failure_from_death,
    failure_text,
    fill_result,
    response_from,
)
from millrace_worker.host.stacks import Frame, StackRequest, fault_of, line_in, parse, render
from millrace_worker.host.versions import Version
from millrace_worker.runtime.millrace_runtime import frames
from millrace_worker.sandbox import ExitInfo

if TYPE_CHECKING:
    from millrace_worker.host.worker import Worker

_NOTHING_YET = pb.WorkerFrame()
_EAGER_LOG_BYTES = 64 * 1024
# What was sent may be quoted in the words about it.
_CAUSE_MAX = 500
# The environment gives threads 2 s to end; then it is replaced, and here is why that cannot be waited out.
_CLEAN_SECONDS = 4.0


class State(enum.Enum):
    """Where a run is."""

    WAITING = enum.auto()
    STEP = enum.auto()
    BETWEEN = enum.auto()
    HELD = enum.auto()
    OVER = enum.auto()
    ENDING = enum.auto()


class Run:
    """A run and the environment that it holds."""

    def __init__(self, worker: Worker, version: Version, start: pb.StartRun) -> None:
        now = time.monotonic()
        self.assignment = start.assignment
        self.version = version
        self.variables = start.environment_generation
        self.environment: Environment | None = None
        self.state = State.WAITING
        self.lines = RunLines(start.assignment, version.log_bytes_max or worker.bounds.log_bytes_max)
        self._worker = worker
        self._calls: RunCalls | None = None
        self._loop = asyncio.get_running_loop()
        self._start: pb.StartRun | None = start
        self._trace_parent = start.trace_parent
        self._kills = start.kill_at_end_of_life
        self._life_end = life_end(start, now)
        self._run_seconds = seconds(start.run_time_left) if start.HasField("run_time_left") else FOREVER
        self._run_end = now + self._run_seconds
        self._step_end = FOREVER
        self._index = first_index(version, start)
        #: Address of the first step run here, when that is an execution of its step after the first.
        self._turn_path = start.turn.path
        #: The end of the step under way, filled in as it becomes known.
        self._frame = _NOTHING_YET
        self._result = _NOTHING_YET.step_finished.result
        self._warm = False
        self._began_at = now
        self._timed_out = 0
        self._responded = False
        self._clean = False
        self._gone_cause: int | None = None
        self._gone_message = ""
        self._stack: tuple[str, list[Frame]] = ("", [])
        self._log_timer: asyncio.TimerHandle | None = None
        self._cleaning: asyncio.TimerHandle | None = None
        if self._kills:
            self._arm()

    @property
    def complete(self) -> bool:
        """Whether no step is left to run."""
        return self._index >= len(self.version.steps)

    @property
    def is_short(self) -> bool:
        """Whether its environment is free when this step is over. A place in a limited workflow is never waited in."""
        return self._index == len(self.version.steps) - 1 and not self._kills

    # What the runner says.

    def proceed(self, path: str) -> None:
        """The checkpoint of the step at `path` is committed."""
        if self.state is not State.BETWEEN or path != self._result.path:
            return
        self._index += 1
        self._begin_step()

    def renew(self, life: pb.Life) -> None:
        """The assignment goes on living."""
        self._life_end = max(self._life_end, life_end(life, time.monotonic()))
        if self.state is State.HELD and time.monotonic() < self._life_end:
            self._begin_step()

    def call_answered(self, result: pb.HostCallResult) -> None:
        """Something that user code has asked for is there."""
        if self._calls is not None and self.environment is not None:
            self._calls.answered(result, self.environment)

    def end(self) -> None:
        """The run has ended and is committed."""
        if self.state is State.STEP:
            self.kill(pb.GONE_CAUSE_KILLED, "the run ended while a step was running")
            return
        if self.state is State.WAITING:
            self.kill(pb.GONE_CAUSE_ENDED, "")
            return
        if self.state is State.ENDING:
            return
        cleaning = self.state is State.OVER
        self.state, self._gone_cause = State.ENDING, pb.GONE_CAUSE_ENDED
        if self.environment is None or self._clean:
            self._gone()
            return
        self._cleaning = self._loop.call_later(_CLEAN_SECONDS, self.environment.kill, "what the run left behind did not end")
        if not cleaning:
            self.environment.send(frames.END, {})

    def kill(self, cause: int, message: str) -> None:
        """Ends the run's environment at once."""
        self._gone_cause, self._gone_message = cause, message
        self.state = State.ENDING
        if self.environment is None:
            self._worker.pool.forget(self)
            self._gone()
        else:
            self.environment.kill(message)

    # What the pool says.

    def on_environment(self, environment: Environment) -> None:
        """The pool has found an environment."""
        self.environment = environment
        environment.tenant = self
        self._warm = environment.runs > 0
        environment.process.watch()
        self._worker.pool.lanes.begin(environment, self)
        self._begin_step()

    def on_refused(self, message: str) -> None:
        """The pool has none."""
        self._gone_cause, self._gone_message = pb.GONE_CAUSE_REFUSED, message
        self._gone()

    # Steps.

    def _begin_step(self) -> None:
        """Every start looks at the deadlines first: what asked for it may have waited in a stopped process."""
        now = time.monotonic()
        if now >= self._life_end:
            if self._kills:
                self.kill(pb.GONE_CAUSE_EXPIRED, "the assignment was not renewed in time")
                return
            self.state = State.HELD
            return
        self._begin_result()
        self.state = State.STEP
        self.lines.begin_step(self._result.path)
        if now >= self._run_end:
            self._timed_out = step_pb.FAILURE_CAUSE_RUN_TIMEOUT
            if self.environment is not None:
                self.environment.send(frames.END, {})
            self._finish(self._timeout_failure("", []))
            return
        self._began_at = now
        self._step_end = now + self.version.step_seconds[self._index]
        self._arm()
        self._send_step(min(self._step_end, self._run_end))
        self._worker.starts.add(self)
        if self.environment is not None:
            self.environment.listen_soon()

    def _begin_result(self) -> None:
        """Filled in where it will be sent: a message that is put into another one is copied."""
        code = self.version.steps[self._index]
        self._frame = pb.WorkerFrame()
        finished = self._frame.step_finished
        finished.assignment.CopyFrom(self.assignment)
        self._result = result = finished.result
        result.path, self._turn_path = self._turn_path or code.path, ""
        result.name, result.execution_id = code.name, self._worker.next_execution_id()
        stamp(result.start_time)

    def _send_step(self, deadline: float) -> None:
        environment, start = self.environment, self._start
        assert environment is not None
        last = self._index == len(self.version.steps) - 1
        header: dict[str, Any] = {"step": self._index, "last": last, "deadline": deadline}
        if start is None:
            environment.send(frames.STEP, header)
            return
        self._start = None
        told, segments = start_frame(start)
        environment.values = told["environment"]
        environment.send(frames.START, header | told, segments)

    def say_started(self) -> None:
        """The step takes longer than it takes to tell, or has something to say before its end."""
        started = pb.StepStarted(assignment=self.assignment, path=self._result.path, warm=self._warm)
        started.start_time.CopyFrom(self._result.start_time)
        self._worker.outbox.eager(pb.WorkerFrame(step_started=started))

    def _say_started_first(self) -> None:
        if self._worker.starts.take(self):
            self.say_started()

    def _finish(self, failure: step_pb.StepFailure | None = None, idle: Any = None) -> None:
        """Tells the runner what came of the step. `idle` is what its environment says of itself, when it is clean already."""
        result = self._result
        stamp(result.end_time)
        self._step_end = FOREVER
        if failure is not None:
            result.failure.CopyFrom(failure)
        failed = result.HasField("failure")
        leaves = failed or result.HasField("exit") or result.HasField("pause")
        over = leaves or self._index == len(self.version.steps) - 1
        self.state = State.OVER if over else State.BETWEEN
        self._arm()
        if self.environment is not None:
            self.environment.drain_output()
        self.lines.end_step(failure_text(result.failure) if failed else "")
        result.last_log_sequence = self.lines.sequence
        if over and idle is not None:
            self._take_idle(idle)
        self._flush_lines()
        if self._worker.starts.take(self):
            self._frame.step_finished.warm = self._warm
        # A place in a limited workflow is given back only behind its commit, by EndRun.
        left = over and self._clean and not self._kills
        if left:
            self._frame.step_finished.left = True
        self._worker.outbox.eager(self._frame)
        self._worker.tracing.step(self.assignment.run_id, self._trace_parent, result)
        if left:
            self._worker.on_run_gone(self)

    def _take_idle(self, idle: Any) -> None:
        """Whatever is wrong with what it says of itself, the step's result stands."""
        environment = self.environment
        try:
            self._on_idle(idle)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            assert environment is not None
            environment.kill(f"it sent the platform something impossible ({str(error)[:_CAUSE_MAX]})")

    # What the environment says.

    def on_output(self, stream: int, data: bytes) -> None:
        """User code has written something."""
        self.lines.feed(stream, data)
        if self.state is State.STEP:  # At its end they are sent with its result.
            self._send_lines_soon()

    def on_frame(self, kind: int, header: dict[str, Any], segments: list[bytes]) -> None:
        """The runtime, or user code that pretends to be it, says something."""
        try:
            if kind == frames.FINISHED and self.state is State.STEP:
                if not self._timed_out:
                    fill_result(self._result, header, segments)
                    check_sizes(self._result, self._worker.bounds)
                    if self._warm:  # The first run of an environment loads its code.
                        self._worker.pool.lanes.note(self.version, time.monotonic() - self._began_at)
                    self._finish(idle=header.get("idle"))
            elif kind == frames.RESPOND:
                self._respond(header, segments)
            elif kind == frames.CALL:
                self._call(header, segments)
            elif kind == frames.NOTE:
                self._note(str(header["text"]))
            elif kind == frames.IDLE and self.state in (State.OVER, State.ENDING):
                self._on_idle(header)
            elif self.state is not State.ENDING:
                raise Malformed(f"frame {kind:#x} at the wrong time")
        except (Malformed, KeyError, TypeError, ValueError) as error:
            assert self.environment is not None
            self.environment.kill(f"it sent the platform something impossible ({str(error)[:_CAUSE_MAX]})")

    def _respond(self, header: dict[str, Any], segments: list[bytes]) -> None:
        response = response_from(header, segments[0] if segments else b"")
        if self.state is State.STEP and not self._responded:
            self._responded = True
            self._say_started_first()
            answer = pb.Respond(assignment=self.assignment, path=self._result.path, response=response)
            self._worker.outbox.eager(pb.WorkerFrame(respond=answer))

    def _call(self, header: dict[str, Any], segments: list[bytes]) -> None:
        """A thread that outlives its step may ask late; nobody waits for that answer any more."""
        if self.state is State.STEP:
            self._say_started_first()
            self._calls = self._calls or RunCalls(self.assignment, self._worker.outbox)
            self._calls.ask(self._result.path, header, segments)

    def _note(self, text: str) -> None:
        assert self.environment is not None
        self.environment.drain_output()
        self.lines.note(text)
        self._send_lines_soon()
        if self.state is State.STEP:
            self.environment.listen_soon()

    def _on_idle(self, header: dict[str, Any]) -> None:
        """The environment is clean as far as it can tell."""
        environment = self.environment
        assert environment is not None
        if header.get("strays"):
            environment.process.reap_strays()
        reason = self._worker.pool.reason_to_retire(environment, header)
        if reason:  # Its death is the end of the run's stay; until then it must not look like one that can be used again.
            self._worker.pool.retire(environment, reason)
            return
        self._clean = True
        self.environment = environment.tenant = None
        self._worker.pool.release(environment)
        if self.state is State.ENDING:
            self._gone()

    def on_death(self, info: ExitInfo) -> None:
        """The environment is gone."""
        environment, state = self.environment, self.state
        assert environment is not None
        self.environment = None
        self._clean = True
        if state is State.STEP:
            self._finish(self._death_failure(info, environment.tail))
        elif state is State.ENDING:
            self._gone()
        elif state is not State.OVER:
            self._gone_cause, self._gone_message = (
                pb.GONE_CAUSE_ENVIRONMENT_DIED,
                f"between two steps: {info.message}",
            )
            self._gone()

    # Clocks.

    def _arm(self) -> None:
        """One time for all clocks; what moves a deadline later leaves it alone, it finds nothing due then."""
        soonest = min(
            self._step_end,
            self._run_end if self.state is State.STEP else FOREVER,
            self._life_end if self._kills else FOREVER,
        )
        if soonest == FOREVER:
            self._worker.deadlines.drop(self)
        else:
            self._worker.deadlines.set(self, soonest)

    def on_deadline(self) -> None:
        """The soonest of its clocks may have run out."""
        now = time.monotonic()
        if self.state is State.ENDING:
            return
        if self._kills and now >= self._life_end:
            self.kill(pb.GONE_CAUSE_EXPIRED, "the assignment was not renewed in time")
            return
        if self.state is State.STEP and not self._timed_out and now >= min(self._step_end, self._run_end):
            step_first = self._step_end <= self._run_end
            self._time_out(step_pb.FAILURE_CAUSE_STEP_TIMEOUT if step_first else step_pb.FAILURE_CAUSE_RUN_TIMEOUT)
        self._arm()

    def _time_out(self, cause: int) -> None:
        self._timed_out = cause
        self._step_end = FOREVER
        assert self.environment is not None
        self.environment.request_stack(StackRequest(self._sources(), self._on_stack))

    def _on_stack(self, text: str, stack: list[Frame]) -> None:
        self._stack = (text, stack)
        if self.environment is not None:
            self.environment.kill(self._timeout_failure("", []).message)

    def _timeout_failure(self, text: str, stack: list[Frame]) -> step_pb.StepFailure:
        if self._timed_out == step_pb.FAILURE_CAUSE_STEP_TIMEOUT:
            name, message = "StepTimeout", f"timed out after {self.version.step_seconds[self._index]:g} s"
        else:
            name, message = "RunTimeout", "the run as a whole used up its time limit"
        line = line_in(stack, self._file_name())
        return step_pb.StepFailure(cause=self._timed_out, type=name, message=message, traceback=text, line=line)  # type: ignore[arg-type]

    def _death_failure(self, info: ExitInfo, tail: bytes) -> step_pb.StepFailure:
        if self._timed_out and info.kind == "killed":
            return self._timeout_failure(*self._stack)
        failure = failure_from_death(info)
        if fault_of(tail):
            stack = parse(tail)
            failure.traceback = render(stack, self._sources())
            failure.line = line_in(stack, self._file_name())
        return failure

    def _file_name(self) -> str:
        return self.version.steps[self._index].file_name

    def _sources(self) -> dict[str, list[str]]:
        return {step.file_name: step.source.splitlines() for step in self.version.steps}

    # Ends.

    def _gone(self) -> None:
        """The last word about this run."""
        self._worker.deadlines.drop(self)
        self._worker.starts.take(self)
        if self._cleaning is not None:
            self._cleaning.cancel()
        self.lines.end_step()
        self._flush_lines()
        gone = pb.RunGone(assignment=self.assignment, cause=self._gone_cause, message=self._gone_message)  # type: ignore[arg-type]
        # Somebody waits for the place only where places are limited; elsewhere a message of its own would be the dearest part.
        send = self._worker.outbox.eager if self._kills or self._gone_cause != pb.GONE_CAUSE_ENDED else self._worker.outbox.lazy
        send(pb.WorkerFrame(run_gone=gone))
        self._worker.on_run_gone(self)

    def _send_lines_soon(self) -> None:
        if self.lines.pending_bytes > _EAGER_LOG_BYTES:
            self._flush_lines()
        elif self._log_timer is None:
            self._log_timer = self._loop.call_later(LAZY_SECONDS, self._flush_lines)

    def _flush_lines(self) -> None:
        if self._log_timer is not None:
            self._log_timer.cancel()
            self._log_timer = None
        for frame in self.lines.take():
            if self.state is State.STEP:
                self._say_started_first()
            self._worker.outbox.eager(frame)


def stamp(target: Any) -> None:
    """Sets a protobuf timestamp to now."""
    now = time.time_ns()
    target.seconds = now // 1_000_000_000
    target.nanos = now % 1_000_000_000
