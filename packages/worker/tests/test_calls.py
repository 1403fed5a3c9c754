"""User code asks the platform: the worker's half of host calls."""

from __future__ import annotations

import json
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import step_pb2 as step_pb
from scripted_runner import Outcome, ScriptedRunner, run

Answer = Callable[[pb.HostCall], dict[str, Any]]


class Platform:
    """Answers the calls of a scripted runner's runs."""

    def __init__(self, runner: ScriptedRunner, answer: Answer) -> None:
        self.calls: list[pb.HostCall] = []
        self._runner = runner
        self._answer = answer
        self._seen = len(runner.all("call"))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._over.is_set():
            for call in self._runner.all("call")[self._seen :]:
                self._seen += 1
                self.calls.append(call)
                self.answer(call)
            self._over.wait(0.002)

    def answer(self, call: pb.HostCall, **fields: Any) -> None:
        fields = fields or self._answer(call)
        if fields:
            result = pb.HostCallResult(assignment=call.assignment, number=call.number, path=call.path, **fields)
            self._runner.say(call_result=result)

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def echo(call: pb.HostCall) -> dict[str, Any]:
    return {"response_json": call.request_json, "body": call.body}


@pytest.fixture
def platform(runner: ScriptedRunner) -> Iterator[Platform]:
    with Platform(runner, echo) as made:
        yield made


def run_calls(runner: ScriptedRunner, *sources: str, **fields: Any) -> Outcome:
    return run(runner, *("from millrace_runtime.calls import call\n" + textwrap.dedent(source) for source in sources), **fields)


def test_a_call_carries_who_asks_and_brings_the_answer(runner: ScriptedRunner, platform: Platform) -> None:
    step = "def handler(pd):\n    return call('store.get', {'key': 'ä\\ud800'}, b'\\0\\xff')[0], len(call('a.b')[1])"
    outcome = run_calls(runner, step, step)
    assert outcome.value == [{"key": "ä\ud800"}, 0]
    made = [(call.path, call.number, call.execution, call.method, call.body) for call in platform.calls]
    first = [("steps/0", 1, 1, "store.get", b"\0\xff"), ("steps/0", 2, 1, "a.b", b"")]
    assert made == first + [("steps/1", *call[1:]) for call in first]
    assert {call.assignment.run_id for call in platform.calls} == {outcome.assignment.run_id}


def test_threads_ask_at_the_same_time_and_each_gets_its_own_answer(runner: ScriptedRunner) -> None:
    held: list[pb.HostCall] = []

    def backwards(call: pb.HostCall) -> dict[str, Any]:
        held.append(call)
        if len(held) % 8 == 0:
            for one in reversed(held[-8:]):
                platform.answer(one, **echo(one))
        return {}

    with Platform(runner, backwards) as platform:
        outcome = run_calls(
            runner,
            """
            from concurrent.futures import ThreadPoolExecutor
            def handler(pd):
                with ThreadPoolExecutor(48) as pool:
                    return list(pool.map(lambda n: call("a.b", n)[0], range(400)))
            """,
        )
    assert outcome.value == list(range(400))


def test_the_environment_stays_warm_behind_calls_of_threads(runner: ScriptedRunner, platform: Platform) -> None:
    version = runner.load(
        "import threading\nfrom millrace_runtime.calls import call\ndef handler(pd):\n"
        "    threads = [threading.Thread(target=call, args=('a.b', n)) for n in range(9)]\n"
        "    [thread.start() for thread in threads]\n    return call('a.b', 'main')[0]"
    )
    outcomes = [runner.finish(version) for _ in range(20)]
    assert [outcome.value for outcome in outcomes] == ["main"] * 20
    assert all(outcome.started[0].warm for outcome in outcomes[1:])


@pytest.mark.parametrize(
    ("said", "raised"),
    [
        ("KeyError", "KeyError"),
        ("ValueError", "ValueError"),
        ("PermissionError", "PermissionError"),
        ("TimeoutError", "TimeoutError"),
        ("PlatformError", "PlatformError"),
        ("SystemExit", "PlatformError"),
    ],
)
def test_an_error_is_raised_at_the_line_that_asked(runner: ScriptedRunner, said: str, raised: str) -> None:
    error = pb.HostCallError(type=said, reason="NO_SUCH_THING", message="there is no such thing")
    with Platform(runner, lambda call: {"error": error}):
        outcome = run_calls(
            runner,
            "def handler(pd):\n    call('a.b')",
            "",
        )
        caught = run_calls(
            runner, "def handler(pd):\n    try:\n        call('a.b')\n    except Exception as e:\n        return e.reason"
        )
    assert (outcome.failure.type, outcome.failure.line) == (raised, 3)
    assert "there is no such thing" in outcome.failure.message
    assert caught.value == "NO_SUCH_THING"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("call('a.b', 'x' * (1 << 18))", "a.b: its arguments may have 256 KiB, not 256.0"),
        ("call('a.b', None, bytes((1 << 20) + 1))", "a.b: its data may have 1024 KiB, not 1024.0"),
        ("call('a.b', object())", "Object of type object is not JSON serializable"),
        ("call('a.b', float('nan'))", "Out of range float values are not JSON compliant"),
    ],
)
def test_what_is_too_large_or_no_json_fails_before_it_leaves(
    runner: ScriptedRunner, platform: Platform, code: str, message: str
) -> None:
    outcome = run_calls(runner, f"def handler(pd):\n    {code}")
    assert message in outcome.failure.message
    assert platform.calls == []


def test_the_largest_call_passes(runner: ScriptedRunner, platform: Platform) -> None:
    outcome = run_calls(
        runner,
        "def handler(pd):\n    text, body = call('a.b', 'x' * ((1 << 18) - 2), bytes(1 << 20))\n    return [len(text), len(body)]",
    )
    assert outcome.value == [(1 << 18) - 2, 1 << 20]


def test_a_child_process_is_told_that_it_cannot_ask(runner: ScriptedRunner, platform: Platform) -> None:
    outcome = run_calls(
        runner,
        """
        import multiprocessing
        def child(queue):
            try:
                call("a.b")
            except RuntimeError as error:
                queue.put(str(error))
        def handler(pd):
            context = multiprocessing.get_context("fork")
            queue = context.Queue()
            process = context.Process(target=child, args=(queue,))
            process.start()
            text = queue.get()
            process.join()
            return [text, call("a.b", 7)[0]]
        """,
    )
    assert "child process" in outcome.value[0]
    assert outcome.value[1] == 7
    assert len(platform.calls) == 1


def test_nothing_is_asked_outside_of_a_step(runner: ScriptedRunner, platform: Platform) -> None:
    late = """
        import threading, time
        said = []
        def late():
            go.wait()
            time.sleep(0.2)
            try:
                call("a.b", "late")
            except RuntimeError as error:
                said.append(str(error))
        def handler(pd):
            global go
            if said:
                return said
            go = threading.Event()
            threading.Thread(target=late).start()
            go.set()
        """
    version = runner.load("from millrace_runtime.calls import call\n" + textwrap.dedent(late))
    runner.finish(version)
    assert "no step is running" in runner.finish(version).value[0]
    assert platform.calls == []


def test_an_answer_for_an_earlier_step_reaches_nobody(runner: ScriptedRunner) -> None:
    """The second step's first call has the number that the first step's unanswered one had."""
    held: list[pb.HostCall] = []

    def answer(call: pb.HostCall) -> dict[str, Any]:
        held.append(call)
        if len(held) == 1:
            return {}
        platform.answer(held[0], response_json=b'"stale"')
        return {"response_json": b'"fresh"'}

    with Platform(runner, answer) as platform:
        outcome = run_calls(
            runner,
            """
            import threading, time
            def ask():
                try:
                    call("a.b")
                except RuntimeError as error:
                    print(error)
            def handler(pd):
                threading.Thread(target=ask).start()
                time.sleep(0.3)
            """,
            "def handler(pd):\n    return call('a.b')[0]",
        )
    assert outcome.value == "fresh"
    assert outcome.text(step_pb.LOG_STREAM_STDOUT) == ["a.b: the step has ended before the answer came"]


FORGED = [
    {"number": 0, "execution": 1, "method": "a.b"},
    {"number": 1 << 60, "execution": 1, "method": "a.b"},
    {"number": True, "execution": 1, "method": "a.b"},
    {"number": 1, "execution": 0, "method": "a.b"},
    {"number": 1, "execution": 1, "method": "a.b\n"},
    {"number": 1, "execution": 1, "method": ["a.b"]},
    {"number": 1, "execution": 1},
]


@pytest.mark.parametrize("header", FORGED)
def test_a_forged_call_ends_its_environment(runner: ScriptedRunner, header: dict[str, Any]) -> None:
    outcome = run(
        runner,
        f"""
        import json, os, time
        from millrace_runtime import frames
        def handler(pd):
            os.write(1001, frames.encode(frames.CALL, json.loads({json.dumps(json.dumps(header))}), [b"", b""]))
            time.sleep(10)
        """,
    )
    assert "it sent the platform something impossible" in outcome.failure.message


def test_calls_beyond_the_bound_end_their_environment(runner: ScriptedRunner) -> None:
    with Platform(runner, lambda call: {}) as platform:
        outcome = run(
            runner,
            """
            import os, time
            from millrace_runtime import frames
            def handler(pd):
                for number in range(1, 1000):
                    os.write(1001, frames.encode(frames.CALL, {"number": number, "execution": 1, "method": "a.b"}, [b"", b""]))
                time.sleep(10)
            """,
        )
    assert "it sent the platform something impossible" in outcome.failure.message
    assert len(platform.calls) == 32


def test_who_never_reads_gets_no_more_than_the_channel_holds(runner: ScriptedRunner) -> None:
    """Answers that user code does not read count as calls that wait: the worker keeps 32 of them, not more."""
    with Platform(runner, lambda call: {"body": bytes(1 << 20)}) as platform:
        outcome = run(
            runner,
            """
            import os, time
            from millrace_runtime import frames
            def handler(pd):
                for number in range(1, 1000):
                    os.write(1001, frames.encode(frames.CALL, {"number": number, "execution": 1, "method": "a.b"}, [b"", b""]))
                    time.sleep(0.01)
                time.sleep(10)
            """,
        )
    assert "it sent the platform something impossible" in outcome.failure.message
    assert len(platform.calls) <= 34


def test_a_timeout_of_the_steps_own_ends_its_wait_and_nothing_else(runner: ScriptedRunner) -> None:
    """The usual way: a signal handler that raises TimeoutError, which is an OSError like those of a channel that is lost."""
    with Platform(runner, lambda call: {} if call.method == "store.slow" else echo(call)):
        outcome = run(
            runner,
            """
            import signal
            from millrace_runtime.calls import call

            def late(*_):
                raise TimeoutError("too late")

            def handler(pd):
                signal.signal(signal.SIGALRM, late)
                signal.setitimer(signal.ITIMER_REAL, 0.05)
                try:
                    call("store.slow")
                except TimeoutError as error:
                    return [str(error), call("store.get", 1)[0]]
            """,
        )
    assert json.loads(outcome.results[0].return_value_json) == ["too late", 1]
