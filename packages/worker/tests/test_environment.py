"""What an environment's channel may carry, and what becomes of those that do not start, without a sandbox around them."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host import pool as pool_module
from millrace_worker.host.bounds import Bounds
from millrace_worker.host.environment import Environment
from millrace_worker.host.log import Log
from millrace_worker.host.pool import Pool
from millrace_worker.host.versions import Version
from millrace_worker.runtime.millrace_runtime import frames
from millrace_worker.sandbox import ExitInfo, Limits, SandboxSettings


class Process:
    """The pipes of one, and somebody who keeps the ends that were inside."""

    def __init__(self) -> None:
        self.control_reader, self.said = os.pipe()
        self.told, self.control_writer = os.pipe()
        self.stdout, self.other_out = os.pipe()
        self.stderr, self.other_err = os.pipe()
        self.killed = threading.Event()
        self.cause = ""
        self.dead = asyncio.Event()

    async def wait(self) -> ExitInfo:
        await self.dead.wait()
        return ExitInfo("killed", "killed")

    def kill(self, cause: str) -> None:
        self.cause = self.cause or cause
        self.dead.set()

    limits = Limits(memory_bytes=64 * 1024**2, tmp_bytes=1024**2, processes=8)
    unsafe = True

    def set_limits(self, limits: Limits) -> None:
        pass

    def watch(self) -> None:
        pass

    def unwatch(self) -> None:
        pass

    def close_fds(self) -> None:
        for descriptor in (self.control_reader, self.control_writer, self.stdout, self.stderr):
            os.close(descriptor)


def test_the_end_of_one_does_not_wait_for_who_writes_into_its_channel() -> None:
    """User code can hand its end of the pipe to a process of another environment, which then outlives it and writes on."""
    frame = frames.encode(frames.STACK, {})
    over = time.monotonic() + 30

    def flood(descriptor: int) -> None:
        try:
            while time.monotonic() < over:
                os.write(descriptor, frame * 4096)
        except BrokenPipeError:
            pass

    async def end() -> float:
        process = Process()
        environment = Environment(process, Bounds())  # type: ignore[arg-type]
        writer = threading.Thread(target=flood, args=(process.said,))
        writer.start()
        began = time.monotonic()
        process.kill("its time has come")
        while not environment.dead:
            await asyncio.sleep(0)
        took = time.monotonic() - began
        await asyncio.to_thread(writer.join)
        return took

    assert asyncio.run(end()) < 20


@pytest.mark.parametrize(
    ("header", "lives"),
    [({"stack": "x" * (1 << 20)}, True), ({"stack": "x" * (5 << 20)}, False)],
)
def test_headers_are_bounded(header: dict[str, Any], lives: bool) -> None:
    """They are parsed where all runs of the worker wait for it, and a frame may be as large as the largest result."""

    def write(descriptor: int, data: bytes, then: Callable[[], None]) -> None:
        try:
            os.write(descriptor, data)
        finally:
            then()

    async def send() -> str:
        process = Process()
        environment = Environment(process, Bounds())  # type: ignore[arg-type]
        data = frames.encode(frames.STACK, header) + frames.encode(frames.READY, {})
        sent = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=write, args=(process.said, data, lambda: loop.call_soon_threadsafe(sent.set))).start()
        await sent.wait()
        ended = asyncio.create_task(process.dead.wait())
        await asyncio.wait((environment.ready, ended), timeout=5, return_when=asyncio.FIRST_COMPLETED)
        process.kill("")
        while not environment.dead:
            await asyncio.sleep(0)
        return process.cause

    cause = asyncio.run(send())
    assert ("header" not in cause) if lives else ("bytes, at most 4194304 are read" in cause), cause


def test_environments_that_do_not_start_are_tried_again_with_pauses() -> None:
    class Log:
        errors = 0

        def error(self, _message: str, **_fields: Any) -> None:
            self.errors += 1

    log = Log()

    class Sandbox:
        def __init__(self) -> None:
            self.processes: list[Process] = []

        async def spawn(self) -> Process:
            self.processes.append(Process())
            return self.processes[-1]

    async def open_pool() -> int:
        sandbox = Sandbox()
        pool = Pool(sandbox, Bounds(), log, lambda _: None, lambda _: None)  # type: ignore[arg-type]
        pool.open()
        # Of the two that start at the same time one ends first.
        for number in range(2):
            while len(sandbox.processes) <= number:
                await asyncio.sleep(0)
            sandbox.processes[number].kill("it does not start")
            while log.errors <= number:
                await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        await pool.close()
        return len(sandbox.processes)

    assert asyncio.run(open_pool()) == 2


def test_only_the_blank_one_that_is_taken_next_imports_what_steps_often_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_IMPORT_SECONDS", 0.0)

    class Sandbox:
        def __init__(self) -> None:
            self.processes: list[Process] = []

        async def spawn(self) -> Process:
            self.processes.append(Process())
            os.write(self.processes[-1].said, frames.encode(frames.READY, {"memory": 0}))
            return self.processes[-1]

    async def told() -> list[bool]:
        sandbox = Sandbox()
        inventories: list[pb.Inventory] = []
        pool = Pool(sandbox, Bounds(), Log("error"), inventories.append, lambda _: None)  # type: ignore[arg-type]
        pool.open()
        # The inventory is said 0.2 s behind the blank ones: whoever was to be told something has been told.
        while not inventories or inventories[-1].blank_environments < 2:
            await asyncio.sleep(0.01)
        for process in sandbox.processes:
            os.set_blocking(process.told, False)
        read = [_read(process.told) for process in sandbox.processes]
        await pool.close()
        return [data == frames.encode(frames.IMPORT_OFTEN, {}) for data in read]

    assert sorted(asyncio.run(told())) == [False, True]


class StartingSandbox:
    """Its environments are ready when the test says so."""

    settings = SandboxSettings(runtime_dir=Path("unused"))

    def __init__(self) -> None:
        self.processes: list[Process] = []

    async def spawn(self) -> Process:
        self.processes.append(Process())
        return self.processes[-1]

    async def ready(self, number: int) -> None:
        while len(self.processes) <= number:
            await asyncio.sleep(0)
        os.write(self.processes[number].said, frames.encode(frames.READY, {"memory": 0}))


class Wanting:
    """Somebody who wants an environment of a version."""

    variables = 0

    def __init__(self, version: Version) -> None:
        self.version = version
        self.environment: Environment | None = None

    def on_environment(self, environment: Environment) -> None:
        self.environment = environment

    def on_refused(self, message: str) -> None:
        raise AssertionError(message)

    async def has_one(self) -> Environment:
        while self.environment is None:
            await asyncio.sleep(0)
        return self.environment


def _version(name: str) -> Version:
    return Version(name, (), 64 * 1024**2, (), {})


def test_a_free_environment_goes_to_whoever_waits_for_its_version_and_need_not_stand_in_front() -> None:
    async def waits() -> None:
        sandbox = StartingSandbox()
        bounds = Bounds(environments_max=3, blank_environments=0)
        pool = Pool(sandbox, bounds, Log("error"), lambda _: None, lambda _: None)  # type: ignore[arg-type]
        version = _version("a")
        first, other, second = Wanting(version), Wanting(_version("b")), Wanting(version)
        pool.claim(first)
        await sandbox.ready(0)
        environment = await first.has_one()
        pool.claim(other)
        pool.claim(second)
        pool.release(environment)
        assert second.environment is environment
        await sandbox.ready(1)
        assert await other.has_one() is not environment
        await pool.close()

    asyncio.run(asyncio.wait_for(waits(), 30))


def test_it_is_told_when_an_idle_environment_ends_because_another_version_needs_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_module, "_INVENTORY_SECONDS", 0.0)

    async def told() -> list[bool]:
        sandbox = StartingSandbox()
        inventories: list[pb.Inventory] = []
        bounds = Bounds(environments_max=1, blank_environments=0)
        pool = Pool(sandbox, bounds, Log("error"), inventories.append, lambda _: None)  # type: ignore[arg-type]
        for number in range(2):
            wanting = Wanting(_version(str(number)))
            pool.claim(wanting)
            await sandbox.ready(number)
            before = len(inventories)
            pool.release(await wanting.has_one())
            while len(inventories) == before:
                await asyncio.sleep(0)
        await pool.close()
        return [inventory.crowded for inventory in inventories]

    crowded = asyncio.run(asyncio.wait_for(told(), 30))
    assert (crowded[0], crowded[-1]) == (False, True)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return b""
