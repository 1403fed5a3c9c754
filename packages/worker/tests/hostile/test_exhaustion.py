"""User code that takes without end: memory of every kind, processes, disk, inodes, time, descriptors."""

from __future__ import annotations

import asyncio
import os
import re

import pytest
from harness import MIB, attack, house, until

HEAP = "blocks = []\nwhile True: blocks.append(bytearray(b'x' * (1 << 20)))"
SHARED = """
import mmap
blocks = []
while True:
    block = mmap.mmap(-1, 1 << 20)
    block.write(b'x' * (1 << 20))
    blocks.append(block)
"""
SHARED_BY_MANY = """
import mmap, os, time
block = mmap.mmap(-1, 1 << 30)
for part in range(8):
    if os.fork() == 0:
        block[part << 27:(part + 1) << 27] = b'x' * (1 << 27)
        time.sleep(60)
time.sleep(60)
"""
HEAP_BY_MANY = """
import os, time
for _ in range(20):
    if os.fork() == 0:
        block = bytearray(b'x' * (20 << 20))
        time.sleep(60)
time.sleep(60)
"""
HUGE_PAGES = """
import mmap
chunk = bytes(1 << 21)
block = mmap.mmap(-1, 4 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
block.madvise(mmap.MADV_HUGEPAGE)
for i in range(0, 4 << 30, 1 << 21): block[i:i + (1 << 21)] = chunk
"""
"""The fastest way to take memory: 8 GiB/s on one core. Byte by byte it would be Python that is slow."""
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        blocks = []
        while True: blocks.append(bytearray(b'x' * (1 << 20)))
    os._exit(0)
time.sleep(60)
"""


@pytest.mark.parametrize("source", [HEAP, SHARED, SHARED_BY_MANY, HEAP_BY_MANY, HUGE_PAGES, DAEMON])
def test_memory_without_end_ends_the_ee_with_the_figures(source: str) -> None:
    answer = attack(source)
    assert answer.end is not None and answer.end.kind == "out_of_memory", answer
    used = re.fullmatch(r"out of memory at (\d+) MB \(limit 256 MB\)", answer.end.message)
    assert used is not None, answer.end.message
    print("overshoot:", int(used[1]) - 256, "MB")
    # Observed: up to 157 MB on a machine with six times as much to do as it has cores. This is a bound for failures, not a promise.
    assert int(used[1]) < 256 + 300


HIDDEN_THREAD = """
import builtins, ctypes, time
kept = []
@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def work(_):
    time.sleep(DELAY)
    while True: kept.append(bytearray(b'x' * (1 << 20)))
builtins.kept = (kept, work)
ctypes.CDLL(None).pthread_create(ctypes.byref(ctypes.c_ulong()), None, work, None)
"""
"""Made by the C library, so that Python's own list of threads does not show it."""


def test_a_hidden_thread_is_watched_after_its_run() -> None:
    async def run() -> None:
        async with house(freeze_after_s=60) as here:
            ee = await here.spawn()
            assert (await ee.run(HIDDEN_THREAD.replace("DELAY", "0"))).ok
            assert (await asyncio.wait_for(ee.process.wait(), 30)).kind == "out_of_memory"
            await here.assert_untouched()

    asyncio.run(run())


def test_a_hidden_thread_is_frozen_until_the_next_run() -> None:
    async def run() -> None:
        async with house(freeze_after_s=0) as here:
            ee = await here.spawn()
            assert (await ee.run(HIDDEN_THREAD.replace("DELAY", "1"))).ok
            await until(lambda: ee.process.frozen)
            before = ee.process.usage()
            # Long enough for the thread to wake and take everything, if it could.
            await asyncio.sleep(1.5)
            after = ee.process.usage()
            assert after.threads == before.threads == 3 and after.memory_bytes < before.memory_bytes + MIB, (before, after)
            await ee.run("import time; time.sleep(60)")
            assert ee.process.exit_info is not None and ee.process.exit_info.kind == "out_of_memory"
            await here.assert_untouched()

    asyncio.run(run())


def test_runs_that_follow_closely_do_not_put_the_look_off() -> None:
    async def run() -> None:
        async with house() as here:
            ee = await here.spawn()
            grow = "import builtins\nkept = builtins.__dict__.setdefault('kept', [])\nkept.append(b'x' * (20 << 20))"
            ends = [answer.end for _ in range(200) if (answer := await ee.run(grow)).end]
            assert ends and ends[0].kind == "out_of_memory", ends

    asyncio.run(run())


def test_memory_shared_by_fork_is_counted_once() -> None:
    source = """
import os, time
block = bytearray(b'x' * (100 << 20))
children = []
for _ in range(8):
    child = os.fork()
    if child == 0:
        time.sleep(1.5)
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
"""
    assert attack(source).ok


def test_files_in_tmp_are_not_memory_even_when_mapped() -> None:
    source = """
import mmap, os, time
with open('/tmp/big', 'wb') as file:
    for _ in range(600): file.write(b'x' * (1 << 20))
with open('/tmp/big', 'r+b') as file:
    block = mmap.mmap(file.fileno(), 0)
    total = sum(block[i] for i in range(0, len(block), 4096))
    time.sleep(0.5)
os.unlink('/tmp/big')
"""
    assert attack(source).ok


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")
def test_pipes_cannot_hold_pages_that_are_mapped_nowhere() -> None:
    answer = attack("import ctypes\nresult = ctypes.CDLL(None, use_errno=True).syscall(278, 1, 0, 0, 0), ctypes.get_errno()")
    assert answer.result == [-1, 38], answer


def test_the_kernel_ends_user_code_first() -> None:
    assert attack("result = open('/proc/self/oom_score_adj').read()").result == "1000\n"


def test_memfd_does_not_exist() -> None:
    answer = attack("import os\nos.memfd_create('x')")
    assert answer.error == "OSError" and "not implemented" in answer.message


@pytest.mark.parametrize(
    "call", ["shmget(0, 1 << 30, 0o1600)", "msgget(0, 0o1600)", "semget(0, 32000, 0o1600)", "mq_open(b'/q', 0o102, 0o600, None)"]
)
def test_kernel_queues_and_segments_are_refused(call: str) -> None:
    source = f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nresult = libc.{call}, ctypes.get_errno()"
    answer = attack(source)
    assert answer.ok and answer.result == [-1, 1], answer


def test_dev_shm_is_bounded_and_counts() -> None:
    answer = attack("with open('/dev/shm/x', 'wb') as file:\n  while True: file.write(b'x' * (1 << 20))")
    assert answer.error == "OSError" and "No space left" in answer.message, answer
    answer = attack(
        "import time\nwith open('/dev/shm/x', 'wb') as file: file.write(b'x' * (40 << 20))\nblock = b'x' * (40 << 20)\ntime.sleep(9)",
        memory_limit_bytes=64 * MIB,
    )
    assert answer.end is not None and answer.end.kind == "out_of_memory", answer


def test_unlinked_shared_memory_still_counts() -> None:
    source = "import os\nfd = os.open('/dev/shm/x', os.O_RDWR | os.O_CREAT)\nos.unlink('/dev/shm/x')\nwhile True: os.write(fd, b'x' * (1 << 20))"
    assert "No space left" in attack(source).message


def test_tmp_is_bounded() -> None:
    answer = attack(
        "with open('/tmp/x', 'wb') as file:\n  for _ in range(5 << 10): file.write(b'x' * (1 << 20))", tmp_bytes=64 * MIB
    )
    assert answer.error == "OSError" and "No space left" in answer.message, answer


def test_inodes_of_tmp_and_shm_are_bounded() -> None:
    source = "import os\nfor i in range(100000): os.close(os.open(f'{folder}/{i}', os.O_CREAT))"
    for folder in ("/tmp", "/dev/shm"):
        answer = attack(f"folder = {folder!r}\n{source}")
        assert answer.error == "OSError" and "No space left" in answer.message, answer


def test_a_fork_loop_is_refused_and_nothing_of_it_is_left() -> None:
    answer = attack("import os\nwhile True:\n  os.fork()", timeout_s=2)
    assert answer.error == "BlockingIOError" or answer.end is not None, answer


def test_fork_bomb_that_ignores_errors_is_ended_by_the_clock() -> None:
    source = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"
    answer = attack(source, timeout_s=2)
    assert answer.end is not None and answer.end.message == "killed: timed out after 2 s", answer


def test_thread_storm_is_refused() -> None:
    source = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    answer = attack(source)
    assert answer.error == "RuntimeError" and "can't start new thread" in answer.message, answer


def test_descriptors_are_bounded() -> None:
    answer = attack("import os\nwhile True: os.dup(0)")
    assert answer.error == "OSError" and "Too many open files" in answer.message, answer


def test_socket_buffers_of_many_processes_are_bounded() -> None:
    """Sent to oneself and never read: kernel memory in no process's account."""
    source = """
import os, socket, time
for _ in range(60):
    if os.fork() == 0:
        pairs = []
        while len(pairs) < 490:
            one, two = socket.socketpair()
            one.setblocking(False)
            try:
                while True: one.send(b'x' * 65536)
            except OSError: pass
            pairs.append((one, two))
        time.sleep(60)
time.sleep(60)
"""
    answer = attack(source)
    assert answer.end is not None and answer.end.kind == "too_many_files", answer


def test_one_absurd_allocation_is_a_memory_error() -> None:
    assert attack("bytearray(1 << 40)").error == "MemoryError"


def test_sleeping_for_ever_is_ended_by_the_clock() -> None:
    answer = attack(
        "import signal, time\nfor n in range(1, 32):\n  try: signal.signal(n, signal.SIG_IGN)\n  except OSError: pass\nwhile True: time.sleep(60)",
        timeout_s=1,
    )
    assert answer.end is not None and answer.end.kind == "killed", answer
    assert answer.end.message == "killed: timed out after 1 s" and answer.end.cause == "timed out after 1 s"


def test_printing_without_end_blocks_nobody_else() -> None:
    answer = attack("import os\nwhile True: os.write(1, b'x' * 65536)", timeout_s=1)
    assert answer.end is not None and answer.end.kind == "killed", answer
