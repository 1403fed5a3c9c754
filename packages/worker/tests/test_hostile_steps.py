"""Steps that misbehave end their own run, with words that their author understands, and nobody else's."""

from __future__ import annotations

import textwrap

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import step_pb2 as step_pb
from scripted_runner import ScriptedRunner

HOSTILE = {
    "forks without end": ("while True:\n    os.fork()", {"TooManyProcesses", "BlockingIOError", "OutOfMemory", "StepTimeout"}),
    "starts threads without end": (
        "import threading\nwhile True:\n    threading.Thread(target=time.sleep, args=(60,)).start()",
        {"TooManyProcesses", "RuntimeError"},
    ),
    "fills /tmp": (
        "with open('/tmp/big', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))",
        {"OSError"},
    ),
    "allocates without end": ("x = []\nwhile True:\n    x.append(bytearray(1 << 22))", {"OutOfMemory", "MemoryError"}),
    "fills shared memory": (
        "with open('/dev/shm/big', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))",
        {"OutOfMemory", "OSError"},
    ),
    "kills every process": ("os.kill(-1, 9)\ntime.sleep(60)", {"ProcessLookupError", "ProcessKilled", "StepTimeout"}),
    "kills the process above": ("os.kill(1, 9)\ntime.sleep(60)", {"ProcessKilled", "StepTimeout", "PermissionError"}),
    "writes below /proc/sys": ("open('/proc/sys/kernel/core_pattern', 'w').write('x')", {"PermissionError", "OSError"}),
    "prints without end": ("while True:\n    print('x' * 1000)", {"StepTimeout"}),
    "writes one line without end": ("while True:\n    os.write(1, b'x' * 65536)", {"StepTimeout"}),
    "closes what it was given": ("os.closerange(0, 21)", {"DescriptorClosed"}),
    "segfaults": ("import ctypes\nctypes.string_at(0)", {"ProcessKilled"}),
    "ignores every signal": (
        "import signal\nfor number in range(1, 65):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\nwhile True:\n    pass",
        {"StepTimeout"},
    ),
    "swallows every exception": (
        "while True:\n    try:\n        pd.flow.exit('never')\n    except BaseException:\n        pass",
        {"StepTimeout"},
    ),
    "raises something that cannot be shown": (
        "class E(Exception):\n    def __str__(self):\n        os._exit(9)\n    __repr__ = __str__\nraise E",
        {"ProcessExited"},
    ),
    "replaces what the runtime uses": (
        "import json, os, sys, time\njson.loads = json.dumps = time.monotonic = os.write = None\nsys.modules.clear()",
        None,
    ),
    "floods immediate answers": (
        "for n in range(100000):\n    pd.respond({'status': 200, 'body': 'x' * 1000, 'immediate': True})",
        None,
    ),
}


@pytest.fixture(scope="module")
def neighbour(runner: ScriptedRunner) -> str:
    return runner.load("count = 0\ndef handler(pd):\n    global count\n    count += 1\n    return count")


def test_a_child_that_prints_on_between_steps_holds_nothing_up(runner: ScriptedRunner, neighbour: str) -> None:
    chatty = (
        "import os\ndef handler(pd):\n    if os.fork() == 0:\n        while True:\n            os.write(1, b'chatter\\n' * 1000)"
    )
    runner.finish(neighbour)
    outcome = runner.run(chatty, "import time\ntime.sleep(0.3)", "def handler(pd):\n    return 'done'")
    assert outcome.value == "done"
    assert "were dropped" in outcome.text(step_pb.LOG_STREAM_SYSTEM)[0]
    assert runner.finish(neighbour).started[0].warm


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_step_ends_only_itself(runner: ScriptedRunner, neighbour: str, name: str) -> None:
    body, types = HOSTILE[name]
    before = runner.finish(neighbour).value
    source = f"import os, time\ndef handler(pd):\n{textwrap.indent(body, '    ')}\n    return 'got away'"
    version = runner.load(source, memory_bytes=96 << 20, step_timeout=3)
    outcome = runner.finish(version, run_time_left=None)
    assert len(outcome.gone) == 1
    if types is not None:
        failure = outcome.failure
        assert failure.type in types, failure
        assert failure.message
        assert outcome.lines[-1].stream == step_pb.LOG_STREAM_ERROR
    assert sum(len(line.text) for line in outcome.lines) < 1_200_000
    if "prints" in name or "line" in name:
        assert "were dropped" in outcome.lines[-2].text
    assert len(outcome.responds) <= 1
    after = runner.finish(neighbour)
    assert (after.value, after.started[0].warm) == (before + 1, True)
    assert after.gone[0].cause == pb.GONE_CAUSE_ENDED
