"""What a step sees and what it leaves: the real worker and real sandboxes before a scripted runner."""

from __future__ import annotations

import json
import textwrap

import pytest

from millrace_worker.generated import session_pb2 as pb
from scripted_runner import ERR, OUT, SYSTEM, Outcome, ScriptedRunner, run


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
    version = runner.load("import time\ndef handler(pd):\n    print('early')\n    time.sleep(60)")
    assignment = runner.start(version)
    lines = runner.wait_for("log_lines", assignment.run_id)
    assert [line.text for line in lines.lines] == ["early"]
    assert runner.all("step_started", assignment.run_id)
    assert not runner.all("step_finished", assignment.run_id)
    runner.say(kill_run=pb.KillRun(assignment=assignment))
    assert runner.wait_for("run_gone", assignment.run_id).cause == pb.GONE_CAUSE_KILLED


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


def test_large_values_go_both_ways(runner: ScriptedRunner) -> None:
    event = {"text": "ü" * 1_500_000, "list": list(range(100_000))}
    source = "def handler(pd):\n    e = pd.steps.trigger.event\n    pd.export('n', len(e['text']))\n    return e['text'][:400000]"
    outcome = run(runner, source, event=event)
    assert outcome.exports() == {"n": 1_500_000}
    assert outcome.value == "ü" * 400_000


def test_the_module_pipedream_means_the_running_step(runner: ScriptedRunner) -> None:
    source = "import pipedream\npipedream.export('a', pipedream.steps.trigger.event)\npipedream.flow.exit('so')"
    version = runner.load(source)
    for event in (1, 2):
        outcome = runner.finish(version, event)
        assert (outcome.exports(), outcome.last.exit.reason) == ({"a": event}, "so")
