"""The worker's half of the contract: lives of assignments, environments and the session."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from millrace_worker.generated import session_pb2 as pb
from scripted_runner import ScriptedRunner, duration, run


def test_hello_carries_the_token_and_the_python(runner: ScriptedRunner) -> None:
    hello = runner.wait_for("hello")
    assert (hello.protocol_version, hello.worker_id, hello.pid) == (1, "worker-under-test", runner.worker.pid)
    assert hello.python_minor.startswith("3.")
    assert runner.authorization == f"Bearer {runner.token}"
    assert runner.frames[0].WhichOneof("frame") == "hello"


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
    assignment = runner.start(version, life=duration(1), kill_at_end_of_life=True)
    runner.say(renew=pb.Renew(lives=[pb.Life(assignment=assignment, life=duration(2.5))]))
    time.sleep(1.3)
    assert not runner.all("run_gone", assignment.run_id), "it outlives what it was given first"
    assert runner.wait_for("run_gone", assignment.run_id).cause == pb.GONE_CAUSE_EXPIRED


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
    life = 1 if first else 0.0000001
    assignment = runner.start(version, life=duration(life))
    if first:
        runner.wait_for("step_finished", assignment.run_id)
        time.sleep(1.1)
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


def test_a_run_whose_environment_is_clean_waits_for_nothing_but_in_a_limited_workflow(runner: ScriptedRunner) -> None:
    version = runner.load("def handler(pd):\n    return 1")
    left = [runner.start(version), runner.start(version, life=duration(60), kill_at_end_of_life=True)]
    ends = [runner.wait_for("step_finished", assignment.run_id) for assignment in left]
    assert [end.left for end in ends] == [True, False]
    runner.say(end_run=pb.EndRun(assignment=left[1]))
    assert runner.wait_for("run_gone", left[1].run_id).cause == pb.GONE_CAUSE_ENDED


def test_a_step_is_said_to_begin_only_when_it_lasts(runner: ScriptedRunner) -> None:
    version = runner.load("import time\ndef handler(pd):\n    time.sleep(pd.steps['trigger']['event'])")
    runner.finish(version, 0)
    lasting = runner.start(version, 60)
    assert runner.wait_for("step_started", lasting.run_id).warm
    assert not runner.all("step_finished", lasting.run_id)
    runner.say(kill_run=pb.KillRun(assignment=lasting))
    brief = runner.finish(version, 0)
    assert len(brief.started) == 1


def test_a_newer_assignment_replaces_an_older_one(runner: ScriptedRunner) -> None:
    version = runner.load("import time\ndef handler(pd):\n    time.sleep(pd.steps['trigger']['event'])")
    old = runner.start(version, 60)
    runner.wait_for("step_started", old.run_id)
    new = pb.Assignment(run_id=old.run_id, number=2)
    # In a limited workflow, where it stays until its end is committed.
    runner.start(version, 0, assignment=new, life=duration(60), kill_at_end_of_life=True)
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
