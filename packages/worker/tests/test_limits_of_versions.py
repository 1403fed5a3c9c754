"""A version's own limits, from the runner's message to the error that a person reads; and what /tmp is to a version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import step_pb2 as step_pb
from scripted_runner import ScriptedRunner, duration

MIB = 1 << 20


def handler(*lines: str) -> str:
    return "\n".join(["import os, threading, time", "def handler(pd):", *(f"    {line}" for line in lines)])


@pytest.fixture(scope="module")
def patient() -> Iterator[ScriptedRunner]:
    made = ScriptedRunner(pb.Configure(tmp_bytes=256 * MIB, blank_environments=1, idle_timeout=duration(0.5)))
    yield made
    assert made.close() == 0


def test_a_full_tmp_says_how_full_it_is(runner: ScriptedRunner) -> None:
    version = runner.load(handler("open('/tmp/x', 'wb').write(bytes(20 << 20))"), limits={"tmp_bytes": 8 * MIB})
    failure = runner.finish(version).failure
    assert failure.type == "OSError"
    assert "No space left on device" in failure.message and "/tmp holds 8 MB of 8 MB" in failure.message
    assert "/tmp holds 8 MB of 8 MB" in failure.traceback


def test_processes_that_are_refused_say_how_many_there_may_be(runner: ScriptedRunner) -> None:
    threads = handler("while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()")
    failure = runner.finish(runner.load(threads, limits={"processes_max": 8})).failure
    assert "can't start new thread" in failure.message and "of 8 that the environment may have" in failure.message
    forks = handler("while True:", "    if os.fork() == 0: time.sleep(60)")
    failure = runner.finish(runner.load(forks, limits={"processes_max": 8})).failure
    assert "of 8" in failure.message or "(limit 8)" in failure.message


def test_a_version_may_have_more_than_its_pool(runner: ScriptedRunner) -> None:
    source = handler(
        "made = [threading.Thread(target=time.sleep, args=(0.5,)) for _ in range(100)]",
        "for one in made: one.start()",
        "for one in made: one.join()",
        "return open('/tmp/x', 'wb').write(bytes(80 << 20))",
    )
    version = runner.load(source, limits={"processes_max": 200, "tmp_bytes": 100 * MIB})
    assert runner.finish(version).value == 80 * MIB


def test_too_many_open_files_say_how_many_there_may_be(runner: ScriptedRunner) -> None:
    failure = runner.run(handler("kept = []", "while True: kept.append(open('/dev/null'))")).failure
    assert "Too many open files" in failure.message and "(a process may have 1024 files open)" in failure.message


def test_log_lines_beyond_the_versions_own_limit_are_dropped(runner: ScriptedRunner) -> None:
    version = runner.load(handler("for _ in range(1000): print('x' * 99)"), limits={"log_bytes_max": 10_000})
    outcome = runner.finish(version)
    assert len(outcome.text(step_pb.LOG_STREAM_STDOUT)) == 100
    assert outcome.text(step_pb.LOG_STREAM_SYSTEM)[0].endswith("a step may log 10000 bytes")


def test_tmp_is_shared_by_steps_and_not_charged_to_memory(patient: ScriptedRunner) -> None:
    write = handler("with open('/tmp/x', 'wb') as file:", "    for _ in range(200): file.write(bytes(1 << 20))")
    read = handler("return os.path.getsize('/tmp/x')")
    assert patient.run(write, read, memory_bytes=64 * MIB).value == 200 * MIB


def test_tmp_may_survive_to_the_next_run_of_the_version_and_goes_with_an_idle_environment(patient: ScriptedRunner) -> None:
    version = patient.load(handler("open('/tmp/x', 'a').write('x')", "return os.path.getsize('/tmp/x')"))
    assert [patient.finish(version).value for _ in range(2)] == [1, 2]

    def was_warm_and_is_gone(_: object) -> bool:
        seen = [{warm.version_id for warm in inventory.warm_versions} for inventory in patient.all("inventory")]
        return any(version in one for one in seen) and version not in seen[-1]

    patient.wait(was_warm_and_is_gone)
    assert patient.finish(version).value == 1
