"""What the watchdog counts, by the short way when nothing but the main Python is there, and by the long one otherwise."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from millrace_worker.sandbox import Sandbox, SandboxSettings
from millrace_worker.sandbox.accounting import ProcessTable, Usage

MAIN = "import os\nwhile text := os.read(1000, 65536):\n    exec(text.decode())\n    os.write(1001, b'done')\n"
SLEEP = "__import__('time').sleep(600)"


def looked_at(tmp_path: Path, source: str) -> tuple[Usage, Usage | None, Usage]:
    """Both ways, after the main Python has done what it was told; the second is None where the short way does not suffice."""
    runtime = tmp_path / "runtime"  # The folder above is closed to an EE's uid.
    runtime.mkdir()
    (runtime / "__main__.py").write_text(MAIN)

    async def look() -> tuple[Usage, Usage | None, Usage]:
        sandbox = Sandbox(SandboxSettings(runtime_dir=runtime))
        try:
            process = await sandbox.spawn()
            table = process.table
            assert table is not None
            table.quick_usage()  # It asks init what it uses.
            os.set_blocking(process.control_reader, True)
            os.write(process.control_writer, source.encode())
            assert await asyncio.to_thread(os.read, process.control_reader, 16) == b"done"
            return table.quick_usage(), table._usage_alone(), ProcessTable._usage_of_all(table)
        finally:
            await sandbox.close()

    return asyncio.run(look())


def test_alone_it_is_counted_the_short_way_with_the_same_outcome(tmp_path: Path) -> None:
    usage, alone, whole = looked_at(tmp_path, "held = bytearray(b'x') * (50 << 20)")
    assert alone is not None
    for one in (usage, alone, whole):
        assert (one.processes, one.threads, one.open_files) == (2, 2, whole.open_files)
        assert one.memory_bytes > 50 << 20
    # It still moves between two looks.
    assert abs(alone.memory_bytes - whole.memory_bytes) < 1 << 20


@pytest.mark.parametrize(
    ("source", "processes", "threads"),
    [
        (f"if os.fork() == 0: {SLEEP}", 3, 3),
        (f"if (p := os.fork()) == 0: os.fork() or {SLEEP}; os._exit(0)\nos.waitpid(p, 0)", 3, 3),
        ("import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", 2, 3),
        (
            "import threading, subprocess, time\n"
            "t = threading.Thread(target=subprocess.Popen, args=(['sleep', '600'],)); t.start(); t.join()",
            *(3, 3),
        ),
    ],
    ids=["child", "daemon", "thread", "child of a thread that has ended"],
)
def test_what_is_beside_it_is_never_missed(tmp_path: Path, source: str, processes: int, threads: int) -> None:
    usage, alone, whole = looked_at(tmp_path, source)
    assert alone is None
    assert usage.processes == whole.processes == processes
    # A thread that has been joined may be there for a moment more.
    assert min(usage.threads, whole.threads) >= threads
