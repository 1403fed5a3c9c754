"""A runner that does what a test says, before the real worker: the other half of the contract's conformance suite."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import session_pb2_grpc as pb_grpc
from millrace_worker.generated import step_pb2 as step_pb

PACKAGE = Path(__file__).resolve().parents[1]
DEADLINE_SECONDS = 30.0
OUT, ERR, ERROR, SYSTEM = (
    step_pb.LOG_STREAM_STDOUT,
    step_pb.LOG_STREAM_STDERR,
    step_pb.LOG_STREAM_ERROR,
    step_pb.LOG_STREAM_SYSTEM,
)


def python_path() -> str:
    """Where a worker finds its package, and its libraries if this process was told."""
    return os.pathsep.join(filter(None, (str(PACKAGE), os.environ.get("PYTHONPATH"))))


class ScriptedRunner(pb_grpc.WorkerSessionServiceServicer):
    """Serves one worker, keeps everything that it says, and says what it is told to."""

    def __init__(self, configure: pb.Configure | None = None, environment: dict[str, str] | None = None) -> None:
        self.frames: list[pb.WorkerFrame] = []
        self.messages = 0
        self._step_counts: dict[str, int] = {}
        self.token = uuid.uuid4().hex
        self.authorization = ""
        self._changed = threading.Condition()
        self._outgoing: queue.SimpleQueue[pb.SessionResponse | None] = queue.SimpleQueue()
        self._folder = tempfile.TemporaryDirectory(prefix="millrace-worker-")
        self.socket = f"{self._folder.name}/runner.sock"
        self._server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 64 << 20)])
        pb_grpc.add_WorkerSessionServiceServicer_to_server(self, self._server)
        self._server.add_insecure_port(f"unix:{self.socket}")
        self._server.start()
        self.say(configure=configure or pb.Configure())
        self.worker = subprocess.Popen(
            [sys.executable, "-m", "millrace_worker"],
            env={
                **os.environ,
                "PYTHONPATH": python_path(),
                "MILLRACE_RUNNER_SOCKET": self.socket,
                "MILLRACE_WORKER_TOKEN": self.token,
                "MILLRACE_WORKER_ID": "worker-under-test",
                **(environment or {}),
            },
        )

    def Session(
        self, request_iterator: Iterator[pb.SessionRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.SessionResponse]:
        """The contract's only method."""
        self.authorization = dict(context.invocation_metadata()).get("authorization", "")
        threading.Thread(target=self._read, args=(request_iterator,), daemon=True).start()
        while (message := self._outgoing.get()) is not None:
            yield message

    def _read(self, requests: Iterator[pb.SessionRequest]) -> None:
        try:
            for request in requests:
                with self._changed:
                    self.messages += 1
                    for frame in request.frames:
                        self.frames.extend(spelled_out(frame))
                    self._changed.notify_all()
        except grpc.RpcError:
            pass
        self._outgoing.put(None)

    def say(self, **frame: Any) -> None:
        """Sends one frame, named by its field."""
        self._outgoing.put(pb.SessionResponse(frames=[pb.RunnerFrame(**frame)]))

    def say_all(self, *frames: pb.RunnerFrame) -> None:
        """Sends frames in one message."""
        self._outgoing.put(pb.SessionResponse(frames=frames))

    def wait(self, found: Callable[[list[pb.WorkerFrame]], Any], seconds: float = DEADLINE_SECONDS) -> Any:
        """Waits until `found` returns something for all frames so far."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (result := found(self.frames)):
                left = deadline - time.monotonic()
                if left <= 0 or self.worker.poll() is not None:
                    raise TimeoutError(
                        f"the worker did not say it in time (exit code {self.worker.poll()}); its last frames: {self.frames[-5:]}"
                    )
                self._changed.wait(min(left, 1.0))
            return result

    def all(self, field: str, run_id: str = "") -> list[Any]:
        """Every frame of one kind, of one run if it is named."""
        with self._changed:
            found = [getattr(frame, field) for frame in self.frames if frame.WhichOneof("frame") == field]
        return [one for one in found if not run_id or one.assignment.run_id == run_id]

    def wait_for(self, field: str, run_id: str = "", count: int = 1, seconds: float = DEADLINE_SECONDS) -> Any:
        """Waits for the `count`-th frame of a kind."""

        def found(_frames: list[pb.WorkerFrame]) -> Any:
            frames = self.all(field, run_id)
            return frames[count - 1] if len(frames) >= count else None

        with self._changed:
            pass
        return self.wait(found, seconds)

    def load(
        self,
        *sources: str,
        version_id: str = "",
        memory_bytes: int = 0,
        step_timeout: float = 0,
        own_timeouts: dict[int, float] | None = None,
        limits: dict[str, int] | None = None,
    ) -> str:
        """Makes a version known; its steps are called one, two, …"""
        version_id = version_id or uuid.uuid4().hex
        names = ("one", "two", "three", "four", "five")
        steps = [
            pb.StepCode(path=f"steps/{index}", name=names[index], file_name=f"{names[index]}.py", source=source)
            for index, source in enumerate(sources)
        ]
        for index, own in (own_timeouts or {}).items():
            steps[index].timeout.CopyFrom(duration(own))
        version = pb.LoadVersion(version_id=version_id, steps=steps, memory_bytes=memory_bytes)
        if limits:
            version.limits.CopyFrom(pb.EnvironmentLimits(**limits))
        if step_timeout:
            version.step_timeout.CopyFrom(duration(step_timeout))
        self.say(load_version=version)
        return version_id

    def start(self, version_id: str, event: Any = None, **fields: Any) -> pb.Assignment:
        """Starts a run."""
        assignment = fields.pop("assignment", None) or pb.Assignment(run_id=str(uuid.uuid4()), number=1)
        fields.setdefault("context_json", b'{"id":"context-id"}')
        start = pb.StartRun(assignment=assignment, version_id=version_id, event_json=json.dumps(event).encode(), **fields)
        self.say(start_run=start)
        return assignment

    def finish(self, version_id: str, event: Any = None, **fields: Any) -> Outcome:
        """Runs a run to its end, committing each checkpoint at once."""
        assignment = self.start(version_id, event, **fields)
        count = 0
        while True:
            count += 1
            finished = self.wait(partial(self._finished_or_gone, assignment.run_id, count))
            if isinstance(finished, pb.RunGone):
                return Outcome(self, assignment)
            result = finished.result
            if result.HasField("failure") or result.HasField("exit"):
                break
            self.say(proceed=pb.Proceed(assignment=assignment, path=result.path))
            if int(result.path.rpartition("/")[2]) == self._last_index(version_id):
                break
        self.say(end_run=pb.EndRun(assignment=assignment))
        self.wait_for("run_gone", assignment.run_id)
        return Outcome(self, assignment)

    def _finished_or_gone(self, run_id: str, count: int, _frames: list[pb.WorkerFrame]) -> Any:
        finished = self.all("step_finished", run_id)
        return finished[count - 1] if len(finished) >= count else next(iter(self.all("run_gone", run_id)), None)

    def run(self, *sources: str, event: Any = None, memory_bytes: int = 0, step_timeout: float = 0, **fields: Any) -> Outcome:
        """Loads and runs a version."""
        version_id = self.load(*sources, memory_bytes=memory_bytes, step_timeout=step_timeout)
        self._step_counts[version_id] = len(sources)
        return self.finish(version_id, event, **fields)

    def _last_index(self, version_id: str) -> int:
        return self._step_counts.get(version_id, 1) - 1

    def close(self) -> int:
        """Ends the session; returns the worker's exit code."""
        self._outgoing.put(None)
        try:
            return self.worker.wait(DEADLINE_SECONDS)
        finally:
            self.worker.kill()
            self._server.stop(None)
            self._folder.cleanup()


def spelled_out(frame: pb.WorkerFrame) -> list[pb.WorkerFrame]:
    """A step's end with what else it says: that the step began, that the run is gone."""
    if frame.WhichOneof("frame") != "step_finished":
        return [frame]
    finished, said = frame.step_finished, [frame]
    if finished.HasField("warm"):
        started = pb.StepStarted(assignment=finished.assignment, path=finished.result.path, warm=finished.warm)
        said.insert(0, pb.WorkerFrame(step_started=started))
    if finished.left:
        gone = pb.RunGone(assignment=finished.assignment, cause=pb.GONE_CAUSE_ENDED)
        said.append(pb.WorkerFrame(run_gone=gone))
    return said


def run(runner: ScriptedRunner, *sources: str, **fields: Any) -> Outcome:
    """Runs sources, indented as the test is."""
    return runner.run(*(textwrap.dedent(source) for source in sources), **fields)


class Outcome:
    """Everything that was said about one run."""

    def __init__(self, runner: ScriptedRunner, assignment: pb.Assignment) -> None:
        self.assignment = assignment
        self.started = runner.all("step_started", assignment.run_id)
        self.results = [finished.result for finished in runner.all("step_finished", assignment.run_id)]
        self.responds = runner.all("respond", assignment.run_id)
        self.lines = [line for lines in runner.all("log_lines", assignment.run_id) for line in lines.lines]
        self.gone = runner.all("run_gone", assignment.run_id)

    @property
    def last(self) -> Any:
        """The last step's result."""
        return self.results[-1]

    @property
    def failure(self) -> Any:
        """The last step's failure."""
        assert self.last.HasField("failure"), self.last
        return self.last.failure

    @property
    def value(self) -> Any:
        """The last step's return value."""
        assert not self.last.HasField("failure"), self.last.failure
        return json.loads(self.last.return_value_json) if self.last.HasField("return_value_json") else None

    def exports(self, index: int = -1) -> Any:
        """A step's exports."""
        return json.loads(self.results[index].exports_json or b"{}")

    def text(self, *streams: int) -> list[str]:
        """Texts of the log lines, of some streams if they are named."""
        return [line.text for line in self.lines if not streams or line.stream in streams]


def duration(value: float) -> Duration:
    """Seconds as a protobuf duration."""
    made = Duration()
    made.FromNanoseconds(int(value * 1e9))
    return made
