"""How steps end badly, and what their author is told."""

from __future__ import annotations

import textwrap
import time

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import step_pb2 as step_pb
from scripted_runner import ERROR, OUT, ScriptedRunner, duration, run


def test_a_failure_says_where_and_is_the_last_log_entry(runner: ScriptedRunner) -> None:
    source = """
    import json

    class Odd(ValueError):
        pass

    def deeper(x):
        try:
            return {}["missing"]
        except KeyError as error:
            raise Odd("does not do") from error

    def handler(pd):
        print("before")
        return deeper(1)
    """
    outcome = run(runner, source)
    failure = outcome.failure
    assert (failure.cause, failure.type, failure.message) == (step_pb.FAILURE_CAUSE_EXCEPTION, "Odd", "does not do")
    assert failure.line == 11
    lines = failure.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == '  File "one.py", line 9, in deeper'
    assert "KeyError: 'missing'" in lines
    assert '  File "one.py", line 15, in handler' in lines
    assert "    return deeper(1)" in lines
    assert lines[-1] == "Odd: does not do"
    assert "millrace" not in failure.traceback
    assert [(line.stream, line.text) for line in outcome.lines] == [(OUT, "before"), (ERROR, failure.traceback)]
    assert outcome.lines[-1].sequence == outcome.last.last_log_sequence == 2


@pytest.mark.parametrize(
    ("source", "kind", "line", "message"),
    [
        ("def handler(pd):\n    return 1 +", "SyntaxError", 2, "invalid syntax"),
        ("import nowhere_to_be_found", "ModuleNotFoundError", 1, "No module named 'nowhere_to_be_found'"),
        ("x = 1\nraise RuntimeError('at load')", "RuntimeError", 2, "at load"),
        ("import json\ndef handler(pd):\n    json.loads('{')", "json.decoder.JSONDecodeError", 3, "Expecting property name"),
        ("def handler(pd):\n    raise KeyboardInterrupt", "KeyboardInterrupt", 2, ""),
        ("def handler(pd):\n    raise BaseException('odd')", "BaseException", 2, "odd"),
        ("import sys\ndef handler(pd):\n    sys.exit(3)", "SystemExit", 3, "3"),
        ("def handler(pd):\n    return handler(pd)", "RecursionError", 2, "maximum recursion depth"),
        ("def handler():\n    pass", "TypeError", 1, "takes 0 positional arguments"),
        ("def handler(pd):\n    return {'when': {1, 2}}", "TypeError", 1, "$return_value.when: set is not JSON serialisable"),
        ("def handler(pd):\n    x = float('nan')\n    pd.export('a', [x])", "ValueError", 3, "a[0]: nan is not a JSON number"),
        ("def handler(pd):\n    pd.respond({'status': 200})", "ValueError", 2, "pd.respond needs 'body'"),
        ("def handler(pd):\n    return pd.steps['nobody']", "KeyError", 2, "'nobody'"),
        ("def handler(pd):\n    pd.export('big', 'x' * 2000000)", "PayloadTooLarge", 2, "may have 1 MiB together"),
        ("class E(Exception):\n    def __str__(self): raise ValueError\ndef handler(pd):\n    raise E", "E", 4, "cannot be had"),
    ],
)
def test_failures_have_type_line_and_message(runner: ScriptedRunner, source: str, kind: str, line: int, message: str) -> None:
    failure = run(runner, source).failure
    assert (failure.type, failure.line) == (kind, line)
    assert message in failure.message
    assert kind in failure.traceback
    assert "/millrace/" not in failure.traceback
    too_large = failure.cause == step_pb.FAILURE_CAUSE_PAYLOAD_TOO_LARGE
    assert too_large == (kind == "PayloadTooLarge")


@pytest.mark.parametrize(
    ("body", "function"),
    [
        ("time.sleep(60)", "handler"),
        ("\n    while True:\n        pass", "handler"),
        ("helper()", "helper"),
        ("re.match(r'(a+)+$', 'a' * 64 + 'b')", "handler"),
    ],
)
def test_a_step_that_takes_too_long_says_where_it_was(runner: ScriptedRunner, body: str, function: str) -> None:
    source = f"import re, time\ndef helper():\n    time.sleep(60)\ndef handler(pd):\n    print('kept')\n    {body}"
    outcome = run(runner, source, step_timeout=0.5)
    failure = outcome.failure
    assert (failure.cause, failure.type, failure.message) == (
        step_pb.FAILURE_CAUSE_STEP_TIMEOUT,
        "StepTimeout",
        "timed out after 0.5 s",
    )
    assert f", in {function}\n" in failure.traceback
    assert failure.traceback.startswith('Traceback (most recent call last):\n  File "one.py", line ')
    assert failure.line > 2
    assert outcome.text(OUT) == ["kept"]
    assert outcome.lines[-1].stream == ERROR
    assert outcome.lines[-1].text == f"{failure.traceback}\nStepTimeout: timed out after 0.5 s"


def test_a_step_has_the_time_that_it_says_itself(runner: ScriptedRunner) -> None:
    wait = "import time\ndef handler(pd):\n    time.sleep({})\n    return True"
    sources = (wait.format(0.8), wait.format(60))
    version = runner.load(*sources, step_timeout=0.4, own_timeouts={0: 30.0})
    runner._step_counts[version] = 2
    outcome = runner.finish(version)
    assert outcome.results[0].return_value_json == b"true", "the first has more time than the others"
    assert (outcome.failure.type, outcome.failure.message) == ("StepTimeout", "timed out after 0.4 s")
    hasty = runner.load(wait.format(0), wait.format(60), step_timeout=30.0, own_timeouts={1: 0.3})
    runner._step_counts[hasty] = 2
    failure = runner.finish(hasty).failure
    assert (failure.type, failure.message) == ("StepTimeout", "timed out after 0.3 s")


def test_a_coroutine_that_waits_too_long_says_where_it_was(runner: ScriptedRunner) -> None:
    source = "import asyncio\nasync def inner():\n    await asyncio.sleep(60)\nasync def handler(pd):\n    await inner()"
    failure = run(runner, source, step_timeout=0.5).failure
    assert (failure.type, failure.line) == ("StepTimeout", 3)
    assert '  File "one.py", line 5, in handler\n    await inner()\n  File "one.py", line 3, in inner' in failure.traceback


def test_a_run_that_takes_too_long_ends_too(runner: ScriptedRunner) -> None:
    outcome = run(runner, "import time\ntime.sleep(60)", run_time_left=duration(0.5))
    assert (outcome.failure.cause, outcome.failure.type) == (step_pb.FAILURE_CAUSE_RUN_TIMEOUT, "RunTimeout")
    assert outcome.failure.line == 2


def test_a_run_whose_time_is_over_between_steps_fails_in_the_next(runner: ScriptedRunner) -> None:
    version = runner.load("print(1)", "print(2)")
    assignment = runner.start(version, run_time_left=duration(1))
    runner.wait_for("step_finished", assignment.run_id)
    time.sleep(1.1)
    runner.say(proceed=pb.Proceed(assignment=assignment, path="steps/0"))
    result = runner.wait_for("step_finished", assignment.run_id, 2).result
    assert (result.path, result.failure.type) == ("steps/1", "RunTimeout")
    runner.say(end_run=pb.EndRun(assignment=assignment))
    assert runner.wait_for("run_gone", assignment.run_id).cause == pb.GONE_CAUSE_ENDED


@pytest.mark.parametrize(
    ("body", "cause", "kind", "message"),
    [
        ("os._exit(1)", "PROCESS_EXITED", "ProcessExited", "exited with code 1"),
        ("os.kill(os.getpid(), 9)", "PROCESS_KILLED", "ProcessKilled", "killed by signal 9 (SIGKILL)"),
        ("ctypes.string_at(0)", "PROCESS_KILLED", "ProcessKilled", "killed by signal 11 (SIGSEGV)"),
        ("os.closerange(0, 65536)", "PROCESS_", "Process", "clos"),
        ("os.closerange(0, 21)", "EXCEPTION", "DescriptorClosed", "descriptor 0"),
        ("os.write(1001, b'garbage' * 100); time.sleep(60)", "PROCESS_KILLED", "ProcessKilled", "broke its connection"),
        ("os.write(1001, b'\\x82\\xff\\xff\\xff\\xff'); time.sleep(60)", "PROCESS_KILLED", "ProcessKilled", "larger than"),
        (
            "os.write(1001, b'\\x86\\x06\\0\\0\\0\\x02\\0\\0\\0{}'); time.sleep(60)",
            "PROCESS_KILLED",
            "ProcessKilled",
            "impossible",
        ),
        (
            "os.write(1001, b'\\x82\\x06\\0\\0\\0\\x02\\0\\0\\0{}'); time.sleep(60)",
            "PROCESS_KILLED",
            "ProcessKilled",
            "impossible",
        ),
    ],
)
def test_the_death_of_an_environment_is_told_with_its_cause(
    runner: ScriptedRunner, body: str, cause: str, kind: str, message: str
) -> None:
    outcome = run(runner, f"import ctypes, os, time\ndef handler(pd):\n    print('kept')\n    {body}")
    failure = outcome.failure
    assert step_pb.FailureCause.Name(failure.cause).startswith(f"FAILURE_CAUSE_{cause}")
    assert failure.type.startswith(kind)
    assert message in failure.message
    assert outcome.text(OUT) == ["kept"]
    assert outcome.lines[-1].stream == ERROR
    if "string_at" in body:
        assert failure.line == 4
        assert "in handler" in failure.traceback


def test_memory_beyond_the_limit_ends_the_step(runner: ScriptedRunner) -> None:
    source = "def handler(pd):\n    x = []\n    while True:\n        x.append(bytearray(1 << 20))"
    failure = run(runner, source, memory_bytes=64 << 20).failure
    assert (failure.cause, failure.type) == (step_pb.FAILURE_CAUSE_OUT_OF_MEMORY, "OutOfMemory")
    assert "limit" in failure.message


def test_forged_results_do_not_pass(runner: ScriptedRunner) -> None:
    source = """
    import os, struct, time
    def handler(pd):
        head = b'{"returned":true,"sizes":[0,%d,0]}'
        body = struct.pack("<I", len(head)) + head + VALUE
        os.write(1001, struct.pack("<BI", 0x82, len(body)) + body)
        time.sleep(60)
    """
    for value in (b"NaN", b"{", b'"\xff"', b"[" * 100000):
        forged = textwrap.dedent(source).replace("VALUE", repr(value)[:20] if len(value) < 20 else 'b"[" * 100000')
        failure = run(runner, forged.replace("%d", str(len(value)))).failure
        assert "impossible" in failure.message


def test_an_environment_that_dies_between_steps_is_told(runner: ScriptedRunner) -> None:
    source = "import os, threading\nthreading.Timer(0.3, os._exit, (4,)).start()"
    version = runner.load(source, "print('two')")
    assignment = runner.start(version)
    runner.wait_for("step_finished", assignment.run_id)
    gone = runner.wait_for("run_gone", assignment.run_id)
    assert gone.cause == pb.GONE_CAUSE_ENVIRONMENT_DIED
    assert "exited with code 4" in gone.message
