"""Limits of an EE's own: a blank one takes them before any code of its version runs, with control groups and without."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from harness import Ee, House, house

from millrace_worker.sandbox import Limits, SandboxSettings
from millrace_worker.sandbox.cgroups import Cgroup, Cgroups, Hierarchy, find_cgroups

MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=128 * MIB, tmp_bytes=8 * MIB, processes=6, cpu_millis=250)
_SETTINGS = SandboxSettings(runtime_dir=Path("/"))
with_groups = pytest.mark.skipif(not find_cgroups(_SETTINGS), reason="no control groups can be made here")
both = pytest.mark.parametrize("cgroup", [pytest.param("", marks=with_groups), "off"])


def limited(look: Callable[[House, Ee], Awaitable[None]], limits: Limits = LIMITS, **changes: object) -> None:
    async def run() -> None:
        async with house(**changes) as here:
            ee = await here.spawn()
            ee.process.set_limits(limits)
            await look(here, ee)
            await here.assert_untouched()

    asyncio.run(run())


@both
def test_tmp_has_its_own_size(cgroup: str) -> None:
    async def look(_: House, ee: Ee) -> None:
        answer = await ee.run("open('/tmp/x', 'wb').write(bytes(20 << 20))")
        assert (answer.error, "No space left" in answer.message) == ("OSError", True), answer

    limited(look, cgroup=cgroup)


def test_tmp_grows_for_who_asks_for_more() -> None:
    async def look(_: House, ee: Ee) -> None:
        answer = await ee.run("result = open('/tmp/x', 'wb').write(bytes(20 << 20))")
        assert answer.result == 20 << 20, answer

    limited(look, Limits(128 * MIB, 64 * MIB, 16), tmp_bytes=4 * MIB)


@both
def test_processors_are_shared_out(cgroup: str) -> None:
    async def look(_: House, ee: Ee) -> None:
        # Two processes: the share is the environment's, not each one's.
        answer = await ee.run(
            "import os, time, resource\nend = time.monotonic() + 2\nchild = os.fork()\nwhile time.monotonic() < end: pass\n"
            "if child == 0: os._exit(0)\nos.wait()\n"
            "result = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))"
        )
        assert answer.ok and 0.2 < answer.result < 0.95, answer

    limited(look, cgroup=cgroup)


def test_more_processes_than_allowed_end_the_environment_with_the_figures() -> None:
    async def look(_: House, ee: Ee) -> None:
        answer = await ee.run("import os, time\nfor _ in range(20):\n  if os.fork() == 0: time.sleep(60)\ntime.sleep(60)")
        assert answer.end is not None and answer.end.kind == "too_many_processes"
        assert "(limit 6)" in answer.end.message

    limited(look, cgroup="off")


@with_groups
def test_what_the_watchdog_cannot_count_is_bounded_by_the_group() -> None:
    async def look(_: House, ee: Ee) -> None:
        # Buffers of sockets are kernel memory that no process shows.
        answer = await ee.run(
            "import socket\nkept = []\nwhile len(kept) < 900:\n  a, b = socket.socketpair()\n  a.setblocking(False)\n"
            "  for s in (a, b): s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)\n  kept += [a, b]\n"
            "  try:\n    while True: a.send(bytes(1 << 16))\n  except BlockingIOError: pass\nresult = len(kept)",
        )
        assert answer.end is not None and answer.end.kind in ("out_of_memory", "signalled"), answer

    limited(look, Limits(64 * MIB, MIB, 16), shm_bytes=MIB)


@with_groups
def test_the_group_of_an_environment_goes_with_it_and_the_workers_with_the_worker() -> None:
    async def run() -> None:
        async with house() as here:
            ee = await here.spawn()
            folders = groups()
            assert any(folder.endswith(f"ee-{ee.process.id}") for folder in folders)
            ee.process.kill("the test")
            await ee.process.wait()
            assert not any(folder.endswith(f"ee-{ee.process.id}") for folder in groups())
        assert groups() == []

    asyncio.run(run())


def groups() -> list[str]:
    own = f"millrace-{os.getpid()}-"
    return [
        str(folder)
        for one in find_cgroups(_SETTINGS)
        for worker in one.folder.glob(f"{own}*")
        for folder in worker.iterdir()
        if folder.is_dir()
    ]


@with_groups
def test_groups_that_a_killed_worker_left_are_swept() -> None:
    (hierarchy, *_) = find_cgroups(_SETTINGS)
    left = hierarchy.folder / "millrace-999999999-1"
    (left / "ee-1").mkdir(parents=True)
    Cgroups([hierarchy]).close()
    assert not left.exists()


def test_version_2_is_written_as_it_wants_it(tmp_path: Path) -> None:
    """In a folder that looks like it; a machine of that version is not always at hand."""
    group = Cgroup()
    group.hold(tmp_path, Hierarchy(tmp_path, ("memory", "pids", "cpu"), 2))
    group.set_memory(100 * MIB, 10 * MIB, MIB)
    group.set_processes(7)
    group.set_cpu(250, 1234)
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert written == {
        "memory.max": str(175 * MIB),
        "pids.max": "7",
        "cpu.max": "25000 100000",
        "cgroup.procs": "1234",
    }
    (tmp_path / "memory.events").write_text("low 0\noom_kill 1\n")
    assert group.out_of_memory()


@pytest.mark.parametrize("delay_ms", range(0, 60, 4))
def test_a_worker_killed_while_it_starts_an_environment_leaves_nothing(delay_ms: int) -> None:
    mark = f"killed-while-starting-{os.getpid()}-{delay_ms}"
    code = f"import sys\nsys.path[:0] = {sys.path[:3]!r}\n" + _START_WITHOUT_END
    worker = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "MILLRACE_HOUSE": mark}, stdout=subprocess.PIPE)
    assert worker.stdout is not None and worker.stdout.readline() == b"starting\n"
    time.sleep(delay_ms / 1000)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    deadline = time.monotonic() + 10
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []


_START_WITHOUT_END = """
import asyncio
from harness import RUNTIME
from millrace_worker.sandbox import Sandbox, SandboxSettings
async def run():
    sandbox = Sandbox(SandboxSettings(runtime_dir=RUNTIME))
    await sandbox.spawn()
    print('starting', flush=True)
    while True: await asyncio.gather(*(sandbox.spawn() for _ in range(3)))
asyncio.run(run())
"""


def marked(mark: str) -> list[str]:
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
        except OSError:
            continue
    return found
