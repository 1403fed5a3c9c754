"""User code that ends, breaks or outlives its interpreter."""

from __future__ import annotations

import asyncio
import signal

import pytest
from harness import attack, house, until


def test_exit_is_told_with_its_code() -> None:
    answer = attack("import os\nos._exit(1)")
    assert answer.end is not None
    assert (answer.end.kind, answer.end.exit_code, answer.end.message) == ("exited", 1, "exited with code 1")


def test_exit_code_137_is_not_taken_for_a_kill() -> None:
    answer = attack("import os\nos._exit(137)")
    assert answer.end is not None and (answer.end.kind, answer.end.exit_code) == ("exited", 137)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT", "SIGTERM"])
def test_death_by_signal_names_it(name: str) -> None:
    answer = attack(f"import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_DFL)\nos.kill(os.getpid(), signal.{name})")
    assert answer.end is not None and answer.end.kind == "signalled"
    assert answer.end.signal == getattr(signal, name) and name in answer.end.message


def test_a_real_segmentation_fault() -> None:
    answer = attack("import ctypes\nctypes.string_at(0)")
    assert answer.end is not None and answer.end.message == "killed by signal 11 (SIGSEGV)"


def test_closing_descriptors_0_to_20_leaves_the_control_channel() -> None:
    answer = attack("import os\nfor n in range(21):\n  try: os.close(n)\n  except OSError: pass\nresult = 'still here'")
    assert answer.ok and answer.result == "still here"


def test_closing_every_descriptor_ends_only_this_ee() -> None:
    answer = attack("import os\nos.closerange(0, 65536)", timeout_s=2)
    assert answer.end is not None


def test_killing_every_pid_it_sees() -> None:
    source = """
import os, signal
seen = [int(name) for name in os.listdir('/proc') if name.isdecimal()]
for pid in seen:
    if pid != os.getpid():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGSTOP, signal.SIGKILL):
            try: os.kill(pid, number)
            except OSError: pass
for pid in range(1, 70000):
    if pid != os.getpid():
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass
result = seen
"""
    answer = attack(source)
    assert answer.ok and answer.result == [1, 2], answer


def test_kill_minus_one() -> None:
    answer = attack(
        "import os, signal\nif os.fork() == 0:\n  os.kill(-1, signal.SIGKILL)\n  os._exit(0)\nelse: import time; time.sleep(60)",
        timeout_s=5,
    )
    assert answer.end is not None and answer.end.signal == signal.SIGKILL, answer


def test_init_cannot_be_stopped_so_the_end_is_always_told() -> None:
    source = (
        "import os, signal\nfor n in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGCHLD, signal.SIGUSR1): os.kill(1, n)\nos._exit(3)"
    )
    answer = attack(source)
    assert answer.end is not None and answer.end.exit_code == 3


@pytest.mark.parametrize("how", ["os._exit(0)", "raise SystemExit(0)"])
def test_daemons_die_with_the_ee(how: str) -> None:
    source = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
os._exit(7)
"""
    answer = attack(source)
    assert answer.end is not None and answer.end.exit_code == 7


def test_what_a_run_leaves_behind_is_found_and_ended() -> None:
    source = """
import os, signal, time
for _ in range(5):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.setsid()
        if os.fork() == 0:
            time.sleep(3600)
        os._exit(0)
"""

    async def run() -> None:
        async with house() as here:
            ee = await here.spawn()
            assert (await ee.run("import os; result = os.getpid()")).result == 2
            assert ee.process.stray_pids() == []
            assert (await ee.run(source)).ok
            assert len(ee.process.stray_pids()) >= 5
            assert ee.process.reap_strays() >= 5
            await until(lambda: ee.process.stray_pids() == [])
            assert ee.process.reap_strays() == 0
            assert (await ee.run("result = 1")).result == 1
            await here.assert_untouched()

    asyncio.run(run())


def test_what_forks_faster_than_it_is_ended_takes_the_ee_with_it() -> None:
    source = """
import os, time
def spin():
    while True:
        try:
            if os.fork(): os._exit(0)
        except OSError: pass
for _ in range(8):
    if os.fork() == 0: spin()
"""

    async def run() -> None:
        async with house() as here:
            ee = await here.spawn()
            assert (await ee.run(source)).ok
            ee.process.reap_strays()
            await until(lambda: ee.process.stray_pids() == [])
            if ee.process.condemned:
                assert (await ee.process.wait()).kind == "too_many_processes"
            await here.assert_untouched()

    asyncio.run(run())


def test_a_sandbox_killed_from_outside_is_told_as_lost() -> None:
    async def run() -> None:
        async with house() as here:
            ee = await here.spawn()
            assert ee.process.popen is not None
            ee.process.popen.kill()
            end = await asyncio.wait_for(ee.process.wait(), 10)
            assert end.kind == "lost", end
            await here.assert_untouched()

    asyncio.run(run())
