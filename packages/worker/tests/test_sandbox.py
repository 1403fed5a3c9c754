"""The sandbox's API, with harmless code: starting, ending, counting, and what it says when it cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from millrace_worker.sandbox import (
    ExitInfo,
    InvalidSandboxSetting,
    Sandbox,
    SandboxedProcess,
    SandboxSettings,
    SandboxUnavailable,
)
from millrace_worker.sandbox.bubblewrap import ask, environment, own_facts
from millrace_worker.sandbox.launcher import look_interval
from millrace_worker.sandbox.machine import MachineMemory, default_reserve
from millrace_worker.sandbox.probe import run_checks
from millrace_worker.sandbox.seccomp import assemble_filter, supported_architecture
from millrace_worker.sandbox.start import remedy_for
from millrace_worker.sandbox.uids import UidBlock, usable_range

MIB = 1024 * 1024
ECHO = "import os\nwhile chunk := os.read(1000, 65536): os.write(1001, chunk)"


@pytest.fixture
def runtime(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a runtime of one file."""

    def make(source: str) -> Path:
        folder = tmp_path / "a runtime"
        folder.mkdir(exist_ok=True)
        (folder / "__main__.py").write_text(source)
        return folder

    return make


def settings_for(runtime_dir: Path, **changes: object) -> SandboxSettings:
    return SandboxSettings(runtime_dir=runtime_dir, **changes)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def sandboxed(settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(settings)
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def until(condition: Callable[[], bool], deadline_s: float = 10) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        await asyncio.sleep(0.005)


async def read_some(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    loop.add_reader(descriptor, lambda: readable.done() or readable.set_result(None))
    try:
        await asyncio.wait_for(readable, 10)
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, 65536)


def test_this_interpreter_knows_of_itself_what_a_start_of_it_would_say() -> None:
    executable = own_facts()[0]
    assert ask(Path(executable)) == own_facts()
    with pytest.raises(SandboxUnavailable, match="does not start"):
        ask(Path("/bin/false"))


def test_control_and_output_reach_the_host(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        source = "import os, sys\nprint('out', flush=True); print('err', file=sys.stderr, flush=True)\n" + ECHO
        async with sandboxed(settings_for(runtime(source))) as sandbox:
            process = await sandbox.spawn()
            assert await read_some(process.stdout) == b"out\n"
            assert await read_some(process.stderr) == b"err\n"
            os.write(process.control_writer, b"ping")
            assert await read_some(process.control_reader) == b"ping"
            assert process.stray_pids() == []
            usage = process.usage()
            assert usage.processes == 2 and 2 * MIB < usage.memory_bytes < 64 * MIB and usage.exact
            process.close_fds()
            # Its control channel is closed, so it ends by itself.
            assert (await asyncio.wait_for(process.wait(), 10)).exit_code == 0

    asyncio.run(run())


def test_kill_is_idempotent_and_keeps_the_first_cause(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        async with sandboxed(settings_for(runtime(ECHO))) as sandbox:
            process = await sandbox.spawn()
            process.kill("the first")
            process.kill("the second")
            first, second = await asyncio.gather(process.wait(), process.wait())
            assert first is second and first == ExitInfo("killed", "killed: the first", cause="the first")
            process.kill("too late")
            assert process.exit_info is first and process.usage().processes == 0
            assert process.reap_strays() == 0 and not process.signal_main(signal.SIGTERM)
            process.watch()
            process.close_fds()
            process.close_fds()

    asyncio.run(run())


def test_a_signal_for_the_main_python_reaches_it(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        source = "import signal, os\nsignal.signal(signal.SIGUSR1, lambda *_: os._exit(9))\nos.write(1001, b'x')\nsignal.pause()"
        async with sandboxed(settings_for(runtime(source))) as sandbox:
            process = await sandbox.spawn()
            await read_some(process.control_reader)
            assert process.signal_main(signal.SIGUSR1)
            assert (await process.wait()).exit_code == 9
            process.close_fds()

    asyncio.run(run())


def test_the_memory_limit_can_change_while_it_runs(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        source = "import os\nblock = b'x' * (100 << 20)\nos.write(1001, b'x')\n" + ECHO
        async with sandboxed(settings_for(runtime(source))) as sandbox:
            process = await sandbox.spawn()
            await read_some(process.control_reader)
            process.watch()
            await asyncio.sleep(0.2)
            assert process.exit_info is None
            process.set_limits(dataclasses.replace(process.limits, memory_bytes=64 * MIB))
            end = await asyncio.wait_for(process.wait(), 10)
            assert end.kind == "out_of_memory" and end.message.endswith("(limit 64 MB)")
            process.close_fds()

    asyncio.run(run())


def test_an_idle_ee_is_frozen_and_goes_on_with_the_next_run(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        source = "import os, threading\n"
        source += "def spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()\n" + ECHO
        async with sandboxed(settings_for(runtime(source), freeze_after_s=0)) as sandbox:
            process = await sandbox.spawn()
            for _ in range(3):
                process.watch()
                os.write(process.control_writer, b"ping")
                assert await read_some(process.control_reader) == b"ping"
                process.unwatch()
                process.unwatch()
                await until(lambda: process.frozen)
                used = process.usage().cpu_seconds
                await asyncio.sleep(0.1)
                assert process.usage().cpu_seconds - used < 0.03
            process.kill("frozen, and yet")
            assert (await asyncio.wait_for(process.wait(), 10)).cause == "frozen, and yet"
            process.close_fds()

    asyncio.run(run())


def test_the_largest_ee_ends_before_the_machine_is_out_of_memory(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        source = (
            "import os\nif os.read(1000, 1) == b'l': open('/tmp/x', 'wb').write(bytes(50 << 20))\nos.write(1001, b'x')\n" + ECHO
        )
        async with sandboxed(settings_for(runtime(source), machine_reserve_bytes=1 << 50)) as sandbox:
            small, large = await sandbox.spawn(), await sandbox.spawn()
            for process, size in ((small, b"s"), (large, b"l")):
                os.write(process.control_writer, size)
                await read_some(process.control_reader)
            small.watch()
            end = await asyncio.wait_for(large.wait(), 10)
            assert (
                end.kind == "out_of_memory" and "the machine ran out of memory" in end.message and "50 MB in /tmp" in end.message
            )
            for process in (small, large):
                process.close_fds()

    asyncio.run(run())


def test_the_reserve_of_a_machine_is_a_twentieth_within_bounds() -> None:
    assert [default_reserve(total * MIB) // MIB for total in (512, 10_000, 1_000_000)] == [128, 500, 1024]
    memory = MachineMemory()
    assert 0 < memory.available_bytes() <= memory.total_bytes
    memory.close()


def test_many_start_at_once_each_with_its_own_uid(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        source = "import os\nos.write(1001, str(os.getuid()).encode())\n" + ECHO
        async with sandboxed(settings_for(runtime(source))) as sandbox:
            processes = await asyncio.gather(*(sandbox.spawn() for _ in range(8)))
            uids = [int(await read_some(process.control_reader)) for process in processes]
            assert 0 not in uids
            assert len(set(uids)) == (8 if os.geteuid() == 0 else 1)
            for process in processes:
                process.close_fds()

    asyncio.run(run())


def test_an_ee_lives_in_a_worker_with_very_many_descriptors(runtime: Callable[[str], Path]) -> None:
    """Their numbers reach beyond 1,023, where select() cannot look: the EE's init once died of that."""
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]

    async def run() -> None:
        async with sandboxed(settings_for(runtime("import time; time.sleep(60)"))) as sandbox:
            process = await sandbox.spawn()
            await asyncio.sleep(0)
            process.signal_main(signal.SIGTERM)
            info = await process.wait()
            assert info.kind == "signalled", info

    try:
        asyncio.run(run())
    finally:
        for descriptor in opened:
            os.close(descriptor)


def test_closing_ends_everything_and_leaks_nothing(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        before = len(os.listdir("/proc/self/fd"))
        sandbox = Sandbox(settings_for(runtime(ECHO)))
        processes = await asyncio.gather(*(sandbox.spawn() for _ in range(3)))
        pids = [process.pid for process in processes]
        await sandbox.close()
        await sandbox.close()
        for process in processes:
            assert process.exit_info is not None and process.exit_info.cause == "the worker is ending"
            process.close_fds()
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        with pytest.raises(SandboxUnavailable):
            await sandbox.spawn()
        # The executor's thread that joined keeps a descriptor or two of the loop's own.
        assert len(os.listdir("/proc/self/fd")) <= before + 1

    asyncio.run(run())


def test_a_start_that_is_cancelled_leaves_nothing(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        async with sandboxed(settings_for(runtime(ECHO))) as sandbox:
            warm = await sandbox.spawn()
            before = len(os.listdir("/proc/self/fd"))
            for delay in (0, 0.001, 0.01, 0.02, 0.03):
                task = asyncio.create_task(sandbox.spawn())
                await asyncio.sleep(delay)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    (await task).close_fds()
            await until(lambda: len(os.listdir("/proc/self/fd")) <= before)
            assert warm.exit_info is None
            warm.close_fds()

    asyncio.run(run())


def test_ees_die_with_the_worker(runtime: Callable[[str], Path]) -> None:
    worker = f"""
import asyncio, sys, time
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from millrace_worker.sandbox import Sandbox, SandboxSettings
async def run():
    sandbox = Sandbox(SandboxSettings(runtime_dir=Path({str(runtime(ECHO))!r})))
    processes = [await sandbox.spawn() for _ in range(2)]
    print(*(process.pid for process in processes), flush=True)
    time.sleep(3600)
asyncio.run(run())
"""
    with subprocess.Popen([sys.executable, "-c", worker], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = process.stdout.readline().split()
        assert len(pids) == 2
        process.kill()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, "an EE outlived its worker"
        time.sleep(0.01)


def test_read_only_binds_are_there_and_read_only(runtime: Callable[[str], Path], tmp_path: Path) -> None:
    private = tmp_path / "private"
    shared = private / "shared"
    shared.mkdir(parents=True)
    (shared / "data").write_text("hello")
    private.chmod(0o700)

    async def run() -> None:
        source = """
import os
text = open('/opt/shared/deep/data').read()
try:
    open('/opt/shared/deep/x', 'w')
    text += ' written'
except OSError: pass
os.write(1001, text.encode())
"""
        binds = ((shared, "/opt/shared/deep"),)
        async with sandboxed(settings_for(runtime(source), read_only_binds=binds)) as sandbox:
            process = await sandbox.spawn()
            assert await read_some(process.control_reader) == b"hello"
            process.close_fds()

    asyncio.run(run())


def test_bubblewrap_missing_says_what_to_install(runtime: Callable[[str], Path]) -> None:
    error = failed_start(settings_for(runtime(ECHO), bwrap=Path("/nowhere/bwrap")))
    assert "bwrap" in error.cause and "apt-get install bubblewrap" in error.remedy


def test_a_start_that_bubblewrap_refuses_says_why(runtime: Callable[[str], Path], tmp_path: Path) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    bwrap.chmod(bwrap.stat().st_mode | stat.S_IXUSR)
    error = failed_start(settings_for(runtime(ECHO), bwrap=bwrap))
    assert "No permissions to create new namespace" in error.cause and "user namespaces" in error.remedy.lower()


def test_a_start_that_never_ends_is_given_up(runtime: Callable[[str], Path], tmp_path: Path) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\nexec sleep 3600\n")
    bwrap.chmod(bwrap.stat().st_mode | stat.S_IXUSR)
    error = failed_start(settings_for(runtime(ECHO), bwrap=bwrap, start_timeout_s=1))
    assert "did not start in 1 s" in error.cause


def test_a_bind_that_does_not_exist_is_named(runtime: Callable[[str], Path]) -> None:
    error = failed_start(settings_for(runtime(ECHO), read_only_binds=((Path("/nowhere/x"), "/x"),)))
    assert "/nowhere/x" in error.cause and error.remedy


def test_a_prefix_that_is_a_home_is_refused(runtime: Callable[[str], Path]) -> None:
    error = failed_start(settings_for(runtime(ECHO), python_prefix=Path(os.path.expanduser("~"))))
    assert "holds more than Python" in error.cause


def test_an_interpreter_that_does_not_exist_is_named(runtime: Callable[[str], Path]) -> None:
    error = failed_start(settings_for(runtime(ECHO), python=Path("/nowhere/python")))
    assert "/nowhere/python" in error.cause


def failed_start(settings: SandboxSettings) -> SandboxUnavailable:
    async def run() -> SandboxUnavailable:
        async with sandboxed(settings) as sandbox:
            with pytest.raises(SandboxUnavailable) as caught:
                await sandbox.spawn()
            return caught.value

    return asyncio.run(run())


def test_the_probe_says_that_it_works_here(runtime: Callable[[str], Path]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "millrace_worker.sandbox", "--probe"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(result.stdout)
    assert report["ok"] and result.returncode == 0, report
    assert {check["name"] for check in report["checks"]} >= {
        "bubblewrap",
        "seccomp filter",
        "process limit holds",
        "no capabilities",
    }
    Sandbox(settings_for(runtime(ECHO))).check()


def test_the_probe_names_what_is_missing(runtime: Callable[[str], Path]) -> None:
    settings = settings_for(runtime(ECHO), bwrap=Path("/nowhere/bwrap"))
    failed = [check for check in run_checks(settings) if check.needed and not check.ok]
    assert [check.name for check in failed] == ["bubblewrap"] and failed[0].remedy
    with pytest.raises(SandboxUnavailable, match="bubblewrap: not found"):
        Sandbox(settings).check()


def test_without_a_sandbox_the_api_is_the_same(runtime: Callable[[str], Path]) -> None:
    async def run() -> None:
        settings = SandboxSettings.from_env(
            {"MILLRACE_UNSAFE_RUN_USER_CODE_WITHOUT_SANDBOX": "yes-i-understand"}, runtime_dir=runtime(ECHO)
        )
        async with sandboxed(settings) as sandbox:
            sandbox.check()
            process: SandboxedProcess = await sandbox.spawn()
            os.write(process.control_writer, b"ping")
            assert await read_some(process.control_reader) == b"ping"
            process.watch()
            process.unwatch()
            assert process.reap_strays() == 0
            process.kill("enough")
            assert (await asyncio.wait_for(process.wait(), 10)).cause == "enough"
            process.close_fds()

    asyncio.run(run())


def test_libraries_for_numbers_may_not_take_every_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for cores, threads in ((2, None), (8, None), (64, "8")):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert environment(settings_for(tmp_path)).get("OPENBLAS_NUM_THREADS") == threads


def test_settings_are_checked_all_at_once() -> None:
    with pytest.raises(InvalidSandboxSetting) as caught:
        SandboxSettings(runtime_dir=Path("/"), memory_limit_bytes=1, process_limit=0, network="everything")
    assert len(caught.value.problems) == 3
    with pytest.raises(InvalidSandboxSetting) as caught:
        SandboxSettings.from_env(
            {"MILLRACE_SANDBOX_TMP_BYTES": "lots", "MILLRACE_UNSAFE_RUN_USER_CODE_WITHOUT_SANDBOX": "yes"}, runtime_dir=Path("/")
        )
    assert len(caught.value.problems) == 2
    env = {"MILLRACE_SANDBOX_TMP_BYTES": "1048576", "MILLRACE_SANDBOX_NETWORK": "none"}
    settings = SandboxSettings.from_env(env, runtime_dir=Path("/x"), process_limit=10)
    assert (settings.tmp_bytes, settings.network, settings.process_limit, settings.unsafe) == (MIB, "none", 10, False)


def test_the_watchdog_looks_the_sooner_the_less_is_left() -> None:
    intervals = [look_interval(headroom * MIB) for headroom in (1024, 256, 64, 1, 0, -5)]
    assert intervals == sorted(intervals, reverse=True)
    assert intervals[0] == 0.1 and intervals[-1] == 0.005


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_assembles_for_each_architecture(machine: str) -> None:
    arch = supported_architecture(machine)
    assert arch is not None
    program = assemble_filter(arch)
    assert len(program) % 8 == 0 and 100 < len(program) // 8 < 4096
    assert supported_architecture("vax") is None


def test_remedies_know_the_common_refusals() -> None:
    refused = remedy_for("bwrap: Can't mount proc on /newroot/proc: Operation not permitted")
    assert "procMount" in refused and ("SYS_ADMIN" in refused) == (os.geteuid() == 0)
    assert "kernel.apparmor_restrict_unprivileged_userns" in remedy_for("bwrap: setting up uid map: Permission denied")
    assert remedy_for("something new") == ""


def test_root_of_a_container_takes_uids_that_are_mapped_there(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    whole = [range(0, 1 << 32)]
    assert usable_range(settings, whole, whole) == (200_000, 65_536)
    rootless = [range(0, 1), range(1, 65_537)]
    assert usable_range(settings, rootless, rootless) == (65_537 - 16_384, 16_384)
    assert usable_range(settings, [range(0, 200_300)], whole) == (200_000, 300)
    with pytest.raises(SandboxUnavailable, match="no uids to give"):
        usable_range(settings, [range(0, 1)], [range(0, 1)])


def test_two_workers_never_share_a_uid(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, uid_lock_dir=tmp_path / "locks", uid_count=512)
    one, two = UidBlock(settings), UidBlock(settings)
    assert not {one.take() for _ in range(256)} & {two.take() for _ in range(256)}
    with pytest.raises(SandboxUnavailable, match="All 256 uids"):
        one.take()
    with pytest.raises(SandboxUnavailable, match="is taken by another worker"):
        UidBlock(settings)
    two.close()
    UidBlock(settings).close()
    one.close()
