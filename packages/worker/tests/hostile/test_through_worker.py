"""The same kinds of code as steps of runs, through the whole worker: what the person reads, and the next run beside it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator

import pytest

pytest.importorskip("grpc", reason="the worker's host needs its packages")
from scripted_runner import ScriptedRunner

NEIGHBOUR = """
import os
warm = []
def handler(pd):
    warm.append(1)
    open('/tmp/mine', 'a').write('x')
    return {'runs': len(warm), 'file': open('/tmp/mine').read(), 'tmp': os.listdir('/tmp')}
"""

ENDS_ITS_STEP = {
    "exit": ("os._exit(1)", "exited with code 1"),
    "heap": ("x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))", "out of memory at"),
    "shared memory": (
        "import mmap\nx = []\nwhile True:\n    b = mmap.mmap(-1, 1 << 20)\n    b.write(b'x' * (1 << 20))\n    x.append(b)",
        "out of memory at",
    ),
    "memfd": ("while True: os.write(os.memfd_create('x'), b'x' * (1 << 20))", "not implemented"),
    "/dev/shm": ("with open('/dev/shm/x', 'wb') as f:\n    while True: f.write(b'x' * (1 << 20))", "No space left"),
    "/tmp": ("with open('/tmp/x', 'wb') as f:\n    for _ in range(5 << 10): f.write(b'x' * (1 << 20))", "No space left"),
    "fork bomb": ("while True:\n    try: os.fork()\n    except OSError: pass", "timed out after 2 s"),
    "fork loop": ("while True:\n    if os.fork() == 0: time.sleep(3600)", "Resource temporarily unavailable"),
    "threads": (
        "import threading\nwhile True: threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()",
        "can't start new thread",
    ),
    "sleep": ("time.sleep(1e6)", "timed out after 2 s"),
    "sleep, deaf": (
        "import signal\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except OSError: pass\nwhile True: time.sleep(60)",
        "timed out after 2 s",
    ),
    "busy": ("while True: pass", "timed out after 2 s"),
    "descriptors": ("for n in range(21):\n    try: os.close(n)\n    except OSError: pass", "descriptor"),
    "/proc/sys": ("open('/proc/sys/kernel/core_pattern', 'w').write('|/tmp/x')", "Read-only file system|Permission denied"),
    "/etc/shadow": ("open('/etc/shadow').read()", "No such file"),
    "segfault": ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    "raw socket": ("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", "not permitted"),
}

GOES_ON = {
    "kills every pid": "for p in range(1, 40000):\n    if p != os.getpid():\n        try: os.kill(p, 9)\n        except OSError: pass\n'done'",
    "prints without end": "for _ in range(200000): print('x' * 100)\n'done'",
    "leaves a daemon": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(3600)\n    os._exit(0)\nos.wait()\n'done'",
}


@pytest.fixture(scope="module")
def house() -> Iterator[ScriptedRunner]:
    made = ScriptedRunner(environment={"MILLRACE_SANDBOX_TMP_BYTES": str(128 << 20)})
    yield made
    assert made.close() == 0


def step(body: str) -> str:
    *lines, last = body.splitlines()
    result = f"return {last}" if last.startswith("'") else last
    return "import os, time\ndef handler(pd):\n" + textwrap.indent("\n".join([*lines, result]), "    ")


@pytest.mark.parametrize("name", ENDS_ITS_STEP)
def test_it_ends_its_own_step_with_a_clear_error(house: ScriptedRunner, name: str) -> None:
    body, message = ENDS_ITS_STEP[name]
    version = house.load(NEIGHBOUR)
    before = house.finish(version).value
    failure = house.run(step(body), step_timeout=2, memory_bytes=128 << 20).failure
    assert any(part in failure.message for part in message.split("|")), failure
    after = house.finish(version).value
    # The same warm environment with the same /tmp: nothing of the attack reached it.
    assert (before["runs"], after["runs"]) == (1, 2) and after["file"] == "xx" and after["tmp"] == ["mine"]
    assert house.run(NEIGHBOUR).value["runs"] == 1


@pytest.mark.parametrize("name", GOES_ON)
def test_it_goes_on_and_nothing_of_it_stays(house: ScriptedRunner, name: str) -> None:
    version = house.load(step(GOES_ON[name]), step_timeout=20)
    first = house.finish(version)
    assert first.value == "done"
    if name == "prints without end":
        assert sum(len(text) for text in first.text()) < 4 << 20 and "lines" in first.text()[-1]
    look = "import os\ndef handler(pd):\n    return sorted(int(n) for n in os.listdir('/proc') if n.isdecimal())"
    assert house.run(look).value == [1, 2]
    assert house.finish(version).value == "done"


def test_nothing_of_the_platform_can_be_read(house: ScriptedRunner) -> None:
    source = f"""
import glob, os
def handler(pd):
    secrets = [{house.token!r}[:20], 'rootpassword-of-the-test'[:10]]
    found = []
    for name in ['/proc/self/environ', *glob.glob('/proc/[0-9]*/environ'), *glob.glob('/proc/[0-9]*/cmdline')]:
        try: text = open(name, 'rb').read().decode(errors='replace')
        except OSError: continue
        found += [name for secret in secrets if secret in text]
    found += [path for path in ({house.socket!r}, {os.path.expanduser("~/.bashrc")!r}, '/home', {os.getcwd()!r} + '/tests') if os.path.exists(path)]
    return found
"""
    assert house.run(source).value == []
