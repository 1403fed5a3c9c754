"""Runs that stand behind others: when they do, when they no longer do, and that nothing of one reaches the next."""

from __future__ import annotations

import time
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host import lanes as lanes_module
from millrace_worker.host.lanes import Lanes
from scripted_runner import Outcome, ScriptedRunner

VERSION: Any = SimpleNamespace(version_id="v1")


def a_run(short: bool = True, version: Any = VERSION, variables: int = 1) -> Any:
    return SimpleNamespace(version=version, variables=variables, is_short=short)


def busy(lanes: Lanes, run: Any = None) -> Any:
    environment = SimpleNamespace(version=VERSION, variables=1, behind=deque(), lane="", began_at=0.0, dead=False)
    lanes.begin(environment, run or a_run())  # type: ignore[arg-type]
    return environment


def test_runs_stand_behind_short_ones_up_to_a_number_and_a_time() -> None:
    lanes = Lanes(3)
    first = busy(lanes)
    assert lanes.find(a_run()) is None, "nobody knows yet how long its steps take"
    lanes.note(VERSION, 0.0005)
    for _ in range(3):
        assert lanes.find(a_run()) is first
        first.behind.append(a_run())
    assert lanes.find(a_run()) is None
    assert lanes.find(a_run(), cold=True) is first, "to start an environment takes longer"
    second = busy(lanes)
    assert lanes.find(a_run()) is second, "the shortest queue"
    for run in (a_run(short=False), a_run(variables=2), a_run(version=SimpleNamespace(version_id="v1"))):
        assert lanes.find(run) is None
    for _ in range(30):
        lanes.note(VERSION, 0.1)
    assert lanes.find(a_run()) is None, "its steps have become slow"


def test_whoever_stands_behind_a_step_that_takes_longer_goes_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = Lanes(3)
    lanes.note(VERSION, 0.0001)
    environment, behind = busy(lanes), a_run()
    environment.behind.append(behind)
    assert lanes
    now = time.monotonic()
    monkeypatch.setattr(lanes_module, "time", SimpleNamespace(monotonic=lambda: now + 1))
    assert lanes.find(a_run()) is None
    assert lanes.late() == [(environment, behind)]
    assert not lanes
    assert lanes.late() == []


SOURCE = """
import os, time
def handler(pd):
    event = pd.steps["trigger"]["event"]
    print("of", event["n"])
    if event["n"] == 0:
        time.sleep(event.get("sleep", 0))
        if event.get("dies"):
            os._exit(3)
    return os.getpid()
"""


def start_at_once(runner: ScriptedRunner, version: str, first: dict[str, Any]) -> list[pb.Assignment]:
    """A run that keeps its environment, and twelve of the same version with it in one message."""
    for number in range(1, 4):
        runner.finish(version, {"n": number})
    made = []
    for number in range(13):
        event = {"n": number, **(first if number == 0 else {})}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner, "say", lambda **frame: made.append(pb.RunnerFrame(**frame)))
            runner.start(version, event)
    runner.say_all(*made)
    return [frame.start_run.assignment for frame in made]


def end(runner: ScriptedRunner, assignment: pb.Assignment) -> Outcome:
    runner.wait_for("step_finished", assignment.run_id)
    runner.say(end_run=pb.EndRun(assignment=assignment))
    runner.wait_for("run_gone", assignment.run_id)
    return Outcome(runner, assignment)


def test_nobody_waits_for_a_slow_run_and_every_line_is_its_own_run_s(runner: ScriptedRunner) -> None:
    version = runner.load(SOURCE)
    slow, *others = start_at_once(runner, version, {"sleep": 600})
    for number, outcome in enumerate([end(runner, other) for other in others], 1):
        assert outcome.text() == [f"of {number}"]
        assert len(outcome.started) == len(outcome.results) == len(outcome.gone) == 1
    assert not runner.all("step_finished", slow.run_id)
    runner.say(kill_run=pb.KillRun(assignment=slow))
    assert runner.wait_for("run_gone", slow.run_id).cause == pb.GONE_CAUSE_KILLED


def test_the_death_of_an_environment_is_that_of_one_run(runner: ScriptedRunner) -> None:
    version = runner.load(SOURCE)
    dying, *others = start_at_once(runner, version, {"dies": True})
    assert "exited with code 3" in end(runner, dying).failure.message
    for other in others:
        assert end(runner, other).value


def test_a_run_that_stands_behind_another_can_be_killed_or_ended(runner: ScriptedRunner) -> None:
    version = runner.load(SOURCE)
    _, killed, ended, *others = start_at_once(runner, version, {"sleep": 0.2})
    runner.say_all(pb.RunnerFrame(kill_run=pb.KillRun(assignment=killed)), pb.RunnerFrame(end_run=pb.EndRun(assignment=ended)))
    for assignment in (killed, ended):
        runner.wait_for("run_gone", assignment.run_id)
    for other in others:
        assert end(runner, other).value
