"""The worker as a process: its settings, its end, its spans."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from millrace_worker.generated import session_pb2 as pb
from scripted_runner import ScriptedRunner, python_path


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def wait_until(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pids: list[int]) -> bool:
    return not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def own() -> ScriptedRunner:
    return ScriptedRunner(pb.Configure(blank_environments=1))


def held(runner: ScriptedRunner) -> pb.Assignment:
    """A run that goes on for ever."""
    assignment = runner.start(runner.load("import time\nprint('on')\ntime.sleep(600)"))
    runner.wait_for("log_lines", assignment.run_id)
    return assignment


def test_bad_settings_are_told_all_at_once() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": python_path(), "MILLRACE_LOG_LEVEL": "loud"}
    done = subprocess.run([sys.executable, "-m", "millrace_worker"], env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    for name in ("MILLRACE_RUNNER_SOCKET", "MILLRACE_WORKER_ID", "MILLRACE_WORKER_TOKEN", "MILLRACE_LOG_LEVEL"):
        assert name in done.stderr


def test_a_runner_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": python_path(), "MILLRACE_WORKER_TOKEN": "t"}
    command = [sys.executable, "-m", "millrace_worker", "--runner-socket", str(tmp_path / "none"), "--worker-id", "w"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 3
    assert '"level": "error"' in done.stderr


def test_a_machine_without_a_sandbox_is_an_error_with_a_remedy() -> None:
    runner = ScriptedRunner(environment={"MILLRACE_SANDBOX_BWRAP": "/nowhere/bwrap"})
    assert runner.worker.wait(15) == 4
    runner.close()


def test_the_end_of_the_session_ends_every_environment(own: ScriptedRunner) -> None:
    held(own)
    below = descendants(own.worker.pid)
    assert below
    assert own.close() == 0
    wait_until(lambda: gone(below))


def test_the_death_of_the_worker_ends_every_environment(own: ScriptedRunner) -> None:
    held(own)
    below = descendants(own.worker.pid)
    own.worker.kill()
    wait_until(lambda: gone(below))
    own.close()


def test_sigterm_drains(own: ScriptedRunner) -> None:
    assignment = held(own)
    own.worker.send_signal(signal.SIGTERM)
    own.wait(lambda _: own.start("any") and own.all("run_gone"))
    assert own.worker.poll() is None
    own.say(kill_run=pb.KillRun(assignment=assignment))
    assert own.worker.wait(15) == 0
    own.close()


def test_the_token_is_in_no_environment_that_user_code_could_read(own: ScriptedRunner) -> None:
    own.wait_for("inventory")
    assert own.token.encode() not in b"".join(Path(f"/proc/{pid}/environ").read_bytes() for pid in descendants(own.worker.pid))
    source = "import glob\ndef handler(pd):\n    return [open(p, errors='replace').read() for p in glob.glob('/proc/*/environ')]"
    outcome = own.finish(own.load(source))
    assert own.token not in str(outcome.value if not outcome.last.HasField("failure") else "")
    own.close()


def test_a_worker_dies_with_its_parent() -> None:
    script = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(600)"
    runner = ScriptedRunner(pb.Configure(blank_environments=1))
    environment = {
        **os.environ,
        "PYTHONPATH": python_path(),
        "MILLRACE_RUNNER_SOCKET": runner.socket,
        "MILLRACE_WORKER_TOKEN": "t",
        "MILLRACE_WORKER_ID": "child",
    }
    command = [sys.executable, "-c", script, sys.executable, "-m", "millrace_worker"]
    parent = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    runner.wait(lambda _: [hello for hello in runner.all("hello") if hello.worker_id == "child"])
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: gone([worker]))
    runner.close()


class Collector(http.server.BaseHTTPRequestHandler):
    """Keeps the spans that it is sent."""

    spans: list[object]

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest()
        request.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                type(self).spans.extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


def test_each_step_is_a_span_below_the_assignments() -> None:
    Collector.spans = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    runner = ScriptedRunner(environment={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"})
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    sources = ("import os\ndef handler(pd):\n    return os.environ['TRACEPARENT']", "raise KeyError('x')")
    outcome = runner.run(*sources, trace_parent=f"00-{trace}-{parent}-01")
    runner.close()
    wait_until(lambda: len(Collector.spans) == 2)
    server.shutdown()
    server.server_close()
    one, two = sorted(Collector.spans, key=lambda span: span.start_time_unix_nano)  # type: ignore[attr-defined]
    assert {span.name for span in (one, two)} == {"step.run"}
    assert {(span.trace_id.hex(), span.parent_span_id.hex()) for span in (one, two)} == {(trace, parent)}
    attributes = {attribute.key: attribute.value.string_value for attribute in one.attributes}
    assert attributes["millrace.run.id"] == outcome.assignment.run_id
    assert attributes["millrace.step.name"] == "one"
    assert one.end_time_unix_nano == outcome.results[0].end_time.ToNanoseconds()
    assert two.status.code == 2
    assert two.status.message == "KeyError"
    assert outcome.results[0].return_value_json.decode().strip('"') == f"00-{trace}-{parent}-01"


def test_a_worker_has_neither_tls_nor_the_slow_protobuf_and_whoever_asks_gets_them() -> None:
    script = """
import sys
from millrace_worker.lean import import_lean
import_lean({})
import millrace_worker.host.main
from millrace_worker.generated import session_pb2 as pb
assert "ssl" not in sys.modules and "google.protobuf.text_format" not in sys.modules, sorted(sys.modules)
assert pb.SessionResponse.FromString(pb.SessionResponse(frames=[pb.RunnerFrame(drain=pb.Drain())]).SerializeToString()).frames
import ssl
from google.protobuf import text_format
assert ssl.create_default_context and "drain" in text_format.MessageToString(pb.RunnerFrame(drain=pb.Drain()))
"""
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": python_path()}, check=True)
