"""The worker's half of the contract: a scripted runner against the real worker with real sandboxes."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import step_pb2 as step_pb
from scripted_runner import Outcome, ScriptedRunner, duration

OUT, ERR, ERROR, SYSTEM = (
    step_pb.LOG_STREAM_STDOUT,
    step_pb.LOG_STREAM_STDERR,
    step_pb.LOG_STREAM_ERROR,
    step_pb.LOG_STREAM_SYSTEM,
)


def run(runner: ScriptedRunner, *sources: str, **fields: Any) -> Outcome:
    return runner.run(*(textwrap.dedent(source) for source in sources), **fields)


def test_hello_carries_the_token_and_the_python(runner: ScriptedRunner) -> None:
    hello = runner.wait_for("hello")
    assert (hello.protocol_version, hello.worker_id, hello.pid) == (1, "worker-under-test", runner.worker.pid)
    assert hello.python_minor.startswith("3.")
    assert runner.authorization == f"Bearer {runner.token}"
    assert runner.frames[0].WhichOneof("frame") == "hello"


def test_steps_see_the_trigger_and_what_earlier_steps_exported(runner: ScriptedRunner) -> None:
    outcome = run(
        runner,
        """
        def handler(pd):
            pd.export("pokemon", {"name": pd.steps["trigger"]["event"]["name"]})
            return {"id": pd.steps["trigger"]["context"]["id"]}
        """,
        """
        def handler(pd):
            assert pd.steps.one.pokemon == pd.steps["one"]["pokemon"]
            return [pd.steps["one"]["pokemon"]["name"], pd.steps["one"]["$return_value"]["id"], list(pd.steps)]
        """,
        event={"name": "Bulbasaur"},
    )
    assert outcome.value == ["Bulbasaur", "context-id", ["trigger", "one"]]
    assert outcome.exports(0) == {"pokemon": {"name": "Bulbasaur"}}
    assert [result.path for result in outcome.results] == ["steps/0", "steps/1"]
    assert len({result.execution_id for result in outcome.results}) == 2
    assert [gone.cause for gone in outcome.gone] == [pb.GONE_CAUSE_ENDED]
    assert outcome.last.start_time.ToNanoseconds() <= outcome.last.end_time.ToNanoseconds()


def test_a_resumed_run_starts_behind_its_last_checkpoint(runner: ScriptedRunner) -> None:
    done = pb.DoneStep(path="steps/0", name="one", exports_json=b'{"a":1}', return_value_json=b"[2]")
    outcome = run(
        runner,
        "raise AssertionError('runs again')",
        "def handler(pd):\n    return [pd.steps['one'], pd.context['run']['resumed']]",
        done_steps=[done],
        resumed=True,
    )
    assert outcome.value == [{"a": 1, "$return_value": [2]}, True]


def test_globals_stay_warm_and_scripts_run_each_time(runner: ScriptedRunner) -> None:
    counter = "count = 0\ndef handler(pd):\n    global count\n    count += 1\n    return count"
    script = (
        "from pipedream.script_helpers import steps, export\nexport('seen', [steps['one']['$return_value'], steps.trigger.event])"
    )
    version = runner.load(counter, script)
    runner._step_counts[version] = 2
    first, second = runner.finish(version, "x"), runner.finish(version, "y")
    assert (first.exports(), second.exports()) == ({"seen": [1, "x"]}, {"seen": [2, "y"]})
    assert [started.warm for started in first.started + second.started] == [False, False, True, True]
    assert not second.last.HasField("return_value_json")


def test_async_handlers_share_a_loop_over_runs(runner: ScriptedRunner) -> None:
    source = """
    import asyncio
    loops = []
    async def handler(pd):
        loops.append(asyncio.get_running_loop())
        asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0.001)
        return await asyncio.to_thread(lambda: len(set(loops)))
    """
    version = runner.load(textwrap.dedent(source))
    first, second = runner.finish(version), runner.finish(version)
    assert (first.value, second.value) == (1, 1)
    assert [started.warm for started in second.started] == [True]
    assert "1 asyncio task was still running at the end of the step" in second.text(SYSTEM)


@pytest.mark.parametrize(
    "body",
    [
        "pd.flow.exit('enough')",
        "return pd.flow.exit('enough')",
        "\n    try:\n        pd.flow.exit('enough')\n    except Exception:\n        pass\n    print('not here')",
        "\n    try:\n        pd.flow.exit('enough')\n    except:\n        pass",
        "\n    import sys\n    try:\n        pd.flow.exit('enough')\n    finally:\n        sys.exit()",
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_exit_ends_the_run_at_its_line(runner: ScriptedRunner, kind: str, body: str) -> None:
    outcome = run(runner, f"{kind} handler(pd):\n    pd.export('x', 1)\n    {body}", "raise AssertionError('runs')")
    assert outcome.last.exit.reason == "enough"
    assert not outcome.last.HasField("failure")
    assert len(outcome.results) == 1
    assert outcome.exports() == {"x": 1}
    assert outcome.text() == []


def test_exit_inside_of_a_task_group(runner: ScriptedRunner) -> None:
    source = """
    import asyncio
    async def leave(pd):
        pd.flow.exit("from a task")
    async def handler(pd):
        async with asyncio.TaskGroup() as group:
            group.create_task(leave(pd))
    """
    assert run(runner, source).last.exit.reason == "from a task"


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


def test_a_plain_sys_exit_ends_the_step_well(runner: ScriptedRunner) -> None:
    outcome = run(runner, "import sys\ndef handler(pd):\n    sys.exit()", "def handler(pd):\n    return 'next'")
    assert outcome.value == "next"


def test_output_arrives_in_order_with_its_stream_and_step(runner: ScriptedRunner) -> None:
    source = """
    import logging, os, sys, warnings
    def handler(pd):
        for n in range(50):
            print("line", n)
        logging.warning("logged")
        warnings.warn("warned")
        sys.stdout.write("no end")
        sys.stdout.flush()
        os.write(1, b" of line\\n\\xff\\n")
        print("x" * 40000)
        sys.stderr.write("last")
    """
    outcome = run(runner, source, "print('second')")
    out = outcome.text(OUT)
    assert out[:51] == [f"line {n}" for n in range(50)] + ["no end of line"]
    assert out[51] == "\ufffd"
    assert [len(text) for text in out[52:55]] == [16384, 16384, 40000 - 32768]
    assert out[55:] == ["second"]
    err = outcome.text(ERR)
    assert err[0] == "WARNING:root:logged"
    assert "UserWarning: warned" in err[1]
    assert err[-1] == "last"
    assert [line.sequence for line in outcome.lines] == list(range(1, len(outcome.lines) + 1))
    assert {line.path for line in outcome.lines} == {"steps/0", "steps/1"}
    assert outcome.results[0].last_log_sequence == len(outcome.lines) - 1


def test_lines_arrive_while_the_step_runs(runner: ScriptedRunner) -> None:
    version = runner.load("import time\ndef handler(pd):\n    print('early')\n    time.sleep(1.5)")
    began = time.monotonic()
    assignment = runner.start(version)
    lines = runner.wait_for("log_lines", assignment.run_id)
    assert [line.text for line in lines.lines] == ["early"]
    assert time.monotonic() - began < 1.2
    assert runner.all("step_started", assignment.run_id)
    assert not runner.all("step_finished", assignment.run_id)
    runner.wait_for("step_finished", assignment.run_id)
    runner.say(end_run=pb.EndRun(assignment=assignment))


def test_lines_still_arrive_after_a_note(runner: ScriptedRunner) -> None:
    answer = "pd.respond({'status': 200, 'body': ''})"
    source = f"import time\ndef handler(pd):\n    {answer}\n    print('a')\n    {answer}\n    print('b')\n    time.sleep(1)\n    print('c')"
    version = runner.load(source)
    assignment = runner.start(version)
    runner.wait(lambda _: "b" in Outcome(runner, assignment).text())
    assert not runner.all("step_finished", assignment.run_id)
    runner.wait_for("step_finished", assignment.run_id)
    texts = [text for text in Outcome(runner, assignment).text() if len(text) == 1]
    assert texts == ["a", "b", "c"]
    runner.say(end_run=pb.EndRun(assignment=assignment))


def test_a_flood_of_output_is_cut_with_a_notice(runner: ScriptedRunner) -> None:
    outcome = run(
        runner, "def handler(pd):\n    for n in range(300000):\n        print('flood', n)\n    return 'done'", "print('after')"
    )
    assert outcome.value is None
    notice = [line for line in outcome.lines if line.stream == SYSTEM]
    assert len(notice) == 1
    assert "were dropped: a step may log 1048576 bytes" in notice[0].text
    kept = [line.text for line in outcome.lines if line.path == "steps/0" and line.stream == OUT]
    dropped = int(notice[0].text.split()[0])
    assert len(kept) + dropped == 300000
    assert outcome.lines[-1].text == "after"


def test_respond_travels_with_the_step(runner: ScriptedRunner) -> None:
    source = """
    def handler(pd):
        pd.respond({"status": 201, "headers": {"x-a": "b", "set-cookie": ["a=1", "b=2"]}, "body": {"ok": True}})
        pd.respond(status=500, body="late")
    """
    response = (outcome := run(runner, source)).last.response
    assert (response.status, response.body, response.immediate) == (201, b'{"ok":true}', False)
    assert [(header.name, header.value) for header in response.headers] == [
        ("x-a", "b"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("content-type", "application/json"),
    ]
    assert not outcome.responds
    assert "the first answer stands" in outcome.text(SYSTEM)[0]


def test_an_immediate_answer_goes_out_at_once(runner: ScriptedRunner) -> None:
    version = runner.load(
        "import time\ndef handler(pd):\n    pd.respond({'status': 200, 'body': 'now', 'immediate': True})\n    time.sleep(1)"
    )
    assignment = runner.start(version)
    respond = runner.wait_for("respond", assignment.run_id)
    assert not runner.all("step_finished", assignment.run_id)
    assert (respond.response.body, respond.path) == (b"now", "steps/0")
    assert runner.wait_for("step_finished", assignment.run_id).result.response.immediate
    runner.say(end_run=pb.EndRun(assignment=assignment))


def test_the_event_falls_back_to_its_body(runner: ScriptedRunner) -> None:
    source = """
    import json
    def handler(pd):
        event = pd.steps["trigger"]["event"]
        return [event["name"], event.get("name"), "name" in event, event.get("no", 7), sorted(event), len(event), json.dumps(event), event.method]
    """
    event = {"method": "POST", "body": {"name": "Bulbasaur", "method": "not this"}}
    value = run(runner, source, event=event, event_falls_back_to_body=True).value
    assert value == ["Bulbasaur", "Bulbasaur", True, 7, ["body", "method"], 2, json.dumps(event), "POST"]
    assert run(runner, source, event=event).failure.type == "KeyError"


def test_environment_variables_are_the_runs_own(runner: ScriptedRunner) -> None:
    source = "import os\ndef handler(pd):\n    os.environ['LEFT'] = 'x'\n    return [os.environ.get('A'), os.environ.get('LEFT2'), sorted(os.environ)]"
    version = runner.load(source)
    names = runner.finish(version, environment={"A": "1"}).value[2]
    assert "A" in names
    again = runner.finish(version, environment={"B": "2"})
    assert again.started[0].warm
    assert again.value[0] is None
    assert "B" in again.value[2] and "LEFT" in again.value[2] and "A" not in again.value[2]
    assert not [name for name in names if name.startswith(("MILLRACE", "PYTHON", "OTEL"))]
    value = runner.finish(version, trace_parent=f"00-{'a' * 32}-{'b' * 16}-01").value
    assert "TRACEPARENT" in value[2]


def test_what_a_run_leaves_behind_is_undone(runner: ScriptedRunner) -> None:
    source = """
    import io, os, signal, subprocess, sys
    def handler(pd):
        seen = [os.getcwd(), signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, sys.argv, "LEFT" in os.environ]
        seen.append(sys.stdout.name)
        seen.append(len([p for p in os.listdir("/proc") if p.isdigit()]))
        os.chdir("/")
        os.environ = {"LEFT": "1"}
        os.putenv("X", "y")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.argv = []
        sys.stderr.close()
        sys.stdout = io.StringIO()
        print("nowhere")
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                import time
                time.sleep(1000)
            os._exit(0)
        return seen
    """
    version = runner.load(textwrap.dedent(source))
    first, second = runner.finish(version).value, runner.finish(version)
    assert second.started[0].warm
    assert second.value == first
    assert first[:5] == ["/tmp", True, ["one.py"], False, 1]


def test_a_forked_child_that_returns_says_nothing(runner: ScriptedRunner) -> None:
    assert (
        run(runner, "import os\ndef handler(pd):\n    pid = os.fork()\n    return 'parent' if pid else 'child'").value == "parent"
    )


def test_an_environment_with_a_lasting_thread_is_replaced(runner: ScriptedRunner) -> None:
    source = "import threading, time\ndef handler(pd):\n    threading.Thread(target=time.sleep, args=(%s,)).start()"
    brief, lasting = runner.load(source % 0.3), runner.load(source % 600)
    runner.finish(brief)
    assert runner.finish(brief).started[0].warm
    began = time.monotonic()
    outcome = runner.finish(lasting)
    assert [gone.cause for gone in outcome.gone] == [pb.GONE_CAUSE_ENDED]
    assert time.monotonic() - began > 1.5
    assert not runner.finish(lasting).started[0].warm


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
    assignment = runner.start(version, run_time_left=duration(0.3))
    runner.wait_for("step_finished", assignment.run_id)
    time.sleep(0.4)
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


def test_a_killed_run_is_gone_and_the_next_one_works(runner: ScriptedRunner) -> None:
    version = runner.load("import time\nprint('on', flush=True)\ntime.sleep(60)")
    assignment = runner.start(version)
    runner.wait_for("log_lines", assignment.run_id)
    runner.say(kill_run=pb.KillRun(assignment=assignment))
    assert runner.wait_for("run_gone", assignment.run_id).cause == pb.GONE_CAUSE_KILLED
    assert not runner.all("step_finished", assignment.run_id)
    assert run(runner, "def handler(pd):\n    return 1").value == 1


def test_a_run_without_renewal_is_killed_when_its_workflow_is_limited(runner: ScriptedRunner) -> None:
    version = runner.load("import time\ntime.sleep(60)")
    assignment = runner.start(version, life=duration(0.6), kill_at_end_of_life=True)
    time.sleep(0.3)
    runner.say(renew=pb.Renew(lives=[pb.Life(assignment=assignment, life=duration(0.8))]))
    time.sleep(0.5)
    assert not runner.all("run_gone", assignment.run_id)
    assert runner.wait_for("run_gone", assignment.run_id, seconds=1.5).cause == pb.GONE_CAUSE_EXPIRED


def test_a_start_whose_life_is_over_is_refused_when_limited(runner: ScriptedRunner) -> None:
    version = runner.load("print('ran')")
    past = int(time.monotonic() * 1e6) - 1000
    assignment = runner.start(version, life=duration(5), life_end_us=past, kill_at_end_of_life=True)
    assert runner.wait_for("run_gone", assignment.run_id).cause == pb.GONE_CAUSE_EXPIRED
    assert not runner.all("step_started", assignment.run_id)


@pytest.mark.parametrize("first", [0, 1])
def test_a_run_without_renewal_starts_no_further_step_until_renewed(runner: ScriptedRunner, first: int) -> None:
    """In its first step too: the start may have waited for an environment or in a stopped process."""
    version = runner.load("print('one')", "print('two')")
    life = 0.3 if first else 0.0000001
    assignment = runner.start(version, life=duration(life))
    if first:
        runner.wait_for("step_finished", assignment.run_id)
        time.sleep(0.4)
        runner.say(proceed=pb.Proceed(assignment=assignment, path="steps/0"))
    time.sleep(0.3)
    assert len(runner.all("step_started", assignment.run_id)) == first
    assert not runner.all("run_gone", assignment.run_id)
    runner.say(renew=pb.Renew(lives=[pb.Life(assignment=assignment, life=duration(5))]))
    runner.wait_for("step_finished", assignment.run_id, first + 1)
    runner.say(kill_run=pb.KillRun(assignment=assignment))
    runner.wait_for("run_gone", assignment.run_id)


def test_a_run_that_is_ended_between_two_steps_leaves_its_environment_warm(runner: ScriptedRunner) -> None:
    version = runner.load("print('one')", "print('two')")
    for warm in (False, True):
        assignment = runner.start(version)
        runner.wait_for("step_finished", assignment.run_id)
        assert runner.wait_for("step_started", assignment.run_id).warm == warm
        runner.say(end_run=pb.EndRun(assignment=assignment))
        assert runner.wait_for("run_gone", assignment.run_id).cause == pb.GONE_CAUSE_ENDED


def test_a_run_that_was_held_back_and_never_started_can_be_ended(runner: ScriptedRunner) -> None:
    version = runner.load("def handler(pd):\n    return 'ran'")
    assignment = runner.start(version, life=duration(0.0000001))
    runner.say(end_run=pb.EndRun(assignment=assignment))
    assert runner.wait_for("run_gone", assignment.run_id).cause == pb.GONE_CAUSE_ENDED
    assert runner.finish(version).value == "ran"


def test_large_values_go_both_ways(runner: ScriptedRunner) -> None:
    event = {"text": "ü" * 1_500_000, "list": list(range(100_000))}
    source = "def handler(pd):\n    e = pd.steps.trigger.event\n    pd.export('n', len(e['text']))\n    return e['text'][:400000]"
    outcome = run(runner, source, event=event)
    assert outcome.exports() == {"n": 1_500_000}
    assert outcome.value == "ü" * 400_000


def test_a_newer_assignment_replaces_an_older_one(runner: ScriptedRunner) -> None:
    version = runner.load("import time\ndef handler(pd):\n    time.sleep(pd.steps['trigger']['event'])")
    old = runner.start(version, 60)
    runner.wait_for("step_started", old.run_id)
    new = pb.Assignment(run_id=old.run_id, number=2)
    runner.start(version, 0, assignment=new)
    gone = runner.wait_for("run_gone", old.run_id)
    assert (gone.assignment.number, gone.cause) == (1, pb.GONE_CAUSE_KILLED)
    assert runner.wait_for("step_finished", old.run_id).assignment.number == 2
    runner.start(version, 0, assignment=old)
    runner.say(kill_run=pb.KillRun(assignment=old))
    runner.say(end_run=pb.EndRun(assignment=new))
    assert runner.wait_for("run_gone", old.run_id, 2).assignment.number == 2


def test_starts_that_cannot_be_are_refused(runner: ScriptedRunner) -> None:
    assignment = runner.start("a version that nobody loaded")
    gone = runner.wait_for("run_gone", assignment.run_id)
    assert (gone.cause, gone.message) == (pb.GONE_CAUSE_REFUSED, "the version is not loaded")


def test_an_environment_that_dies_between_steps_is_told(runner: ScriptedRunner) -> None:
    source = "import os, threading\nthreading.Timer(0.3, os._exit, (4,)).start()"
    version = runner.load(source, "print('two')")
    assignment = runner.start(version)
    runner.wait_for("step_finished", assignment.run_id)
    gone = runner.wait_for("run_gone", assignment.run_id)
    assert gone.cause == pb.GONE_CAUSE_ENVIRONMENT_DIED
    assert "exited with code 4" in gone.message


def test_many_runs_at_once(runner: ScriptedRunner) -> None:
    version = runner.load(
        "import time\ndef handler(pd):\n    time.sleep(0.1)\n    print(pd.steps.trigger.event)\n    return pd.steps.trigger.event"
    )
    frames = []
    for number in range(12):
        assignment = pb.Assignment(run_id=f"many-{number}", number=1)
        frames.append(
            pb.RunnerFrame(start_run=pb.StartRun(assignment=assignment, version_id=version, event_json=str(number).encode()))
        )
    runner.say_all(*frames)
    for number in range(12):
        result = runner.wait_for("step_finished", f"many-{number}").result
        assert result.return_value_json == str(number).encode()
        runner.say(end_run=pb.EndRun(assignment=pb.Assignment(run_id=f"many-{number}", number=1)))
    for number in range(12):
        runner.wait_for("run_gone", f"many-{number}")
        lines = [line.text for lines in runner.all("log_lines", f"many-{number}") for line in lines.lines]
        assert lines == [str(number)]


def test_sources_are_checked_without_running_them(runner: ScriptedRunner) -> None:
    steps = [
        pb.StepCode(path="steps/0", name="good", file_name="good.py", source="import nothing_like_it\nraise SystemExit"),
        pb.StepCode(path="steps/1", name="bad", file_name="bad.py", source="def handler(pd):\n    retrun 1"),
        pb.StepCode(path="steps/2", name="nul", file_name="nul.py", source="x = '\0'"),
        pb.StepCode(path="steps/3", name="deep", file_name="deep.py", source="(" * 100000),
        pb.StepCode(path="steps/4", name="deeper", file_name="deeper.py", source="-" * 100000 + "1"),
    ]
    runner.say(check_version=pb.CheckVersion(request_id="check-1", steps=steps))
    checked = runner.wait_for("version_checked")
    assert checked.request_id == "check-1"
    found = [(problem.path, problem.file_name, problem.line) for problem in checked.problems]
    assert not checked.error
    assert found[0] == ("steps/1", "bad.py", 2)
    assert [path for path, _, _ in found] == ["steps/1", "steps/2", "steps/3", "steps/4"]
    assert checked.problems[0].message == "SyntaxError: invalid syntax"
    huge = pb.StepCode(path="steps/0", name="huge", source="#" * (6 << 20))
    runner.say(check_version=pb.CheckVersion(request_id="check-2", steps=[huge]))
    assert "bytes of source" in runner.wait_for("version_checked", count=2).error


def test_the_module_pipedream_means_the_running_step(runner: ScriptedRunner) -> None:
    source = "import pipedream\npipedream.export('a', pipedream.steps.trigger.event)\npipedream.flow.exit('so')"
    version = runner.load(source)
    for event in (1, 2):
        outcome = runner.finish(version, event)
        assert (outcome.exports(), outcome.last.exit.reason) == ({"a": event}, "so")


def test_an_environment_that_has_grown_is_replaced(runner: ScriptedRunner) -> None:
    source = "kept = []\ndef handler(pd):\n    kept.append(b'x' * pd.steps.trigger.event)"
    version = runner.load(source, memory_bytes=200 << 20)
    assert [runner.finish(version, size).started[0].warm for size in (0, 170 << 20, 0)] == [False, True, False]


def test_a_version_that_is_loaded_again_stays_warm_unless_it_changed(runner: ScriptedRunner) -> None:
    version = runner.load("def handler(pd):\n    return 1")
    runner.finish(version)
    runner.load("def handler(pd):\n    return 1", version_id=version)
    assert runner.finish(version).started[0].warm
    runner.load("def handler(pd):\n    return 2", version_id=version)
    outcome = runner.finish(version)
    assert (outcome.value, outcome.started[0].warm) == (2, False)
    runner.say(unload_version=pb.UnloadVersion(version_id=version))
    assert runner.finish(version).gone[0].message == "the version is not loaded"
    runner.load("def handler(pd):\n    return 2", version_id=version)
    assert not runner.finish(version).started[0].warm


@pytest.fixture
def small() -> Iterator[ScriptedRunner]:
    made = ScriptedRunner(pb.Configure(environments_max=2, blank_environments=1, idle_timeout=duration(0.5)))
    yield made
    made.close()


def test_environments_are_bounded(small: ScriptedRunner) -> None:
    sleeper = small.load("import time\ntime.sleep(60)")
    held = [small.start(sleeper) for _ in range(2)]
    for assignment in held:
        small.wait_for("step_started", assignment.run_id)
    refused = small.wait_for("run_gone", small.start(sleeper).run_id)
    assert (refused.cause, refused.message) == (pb.GONE_CAUSE_REFUSED, "all 2 environments of the worker are busy")
    for assignment in held:
        small.say(kill_run=pb.KillRun(assignment=assignment))
        small.wait_for("run_gone", assignment.run_id)
    for number in range(5):  # Idle ones give way to other versions.
        assert run(small, f"def handler(pd):\n    return {number}").value == number
    small.wait(lambda _: (last := small.all("inventory")[-1]) and not last.warm_versions and last.blank_environments == 1)
    assert max(inventory.environments for inventory in small.all("inventory")) <= 2


def test_new_settings_replace_what_is_warm(small: ScriptedRunner) -> None:
    source = "import socket\ndef handler(pd):\n    return [name for _, name in socket.if_nameindex()]"
    version = small.load(source)
    small.finish(version)
    assert small.finish(version).started[0].warm
    small.say(configure=pb.Configure(environments_max=2, blank_environments=1, network=pb.NETWORK_MODE_NONE))
    outcome = small.finish(version)
    assert (outcome.value, outcome.started[0].warm) == (["lo"], False)


def test_a_drained_worker_finishes_what_it_has(small: ScriptedRunner) -> None:
    version = small.load("import time\ndef handler(pd):\n    time.sleep(0.3)\n    return 'done'")
    assignment = small.start(version)
    small.wait_for("step_started", assignment.run_id)
    small.say(drain=pb.Drain())
    assert small.wait_for("run_gone", small.start(version).run_id).message == "the worker is draining"
    assert small.wait_for("step_finished", assignment.run_id).result.return_value_json == b'"done"'
    small.say(end_run=pb.EndRun(assignment=assignment))
    small.wait_for("run_gone", assignment.run_id)
    assert small.worker.wait(10) == 0
