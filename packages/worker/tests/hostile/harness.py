"""A house of one: a sandbox, EEs in it that run given source code, and a neighbour that must not notice."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from millrace_worker.sandbox import ExitInfo, Sandbox, SandboxedProcess, SandboxSettings

MIB = 1024 * 1024
RUNTIME = Path(__file__).with_name("runtime")
_OUTPUT_LIMIT = 4 * MIB


@dataclass
class Answer:
    """How one run ended: an answer of the runtime, or the end of the EE."""

    ok: bool = False
    result: object = None
    error: str = ""
    message: str = ""
    end: ExitInfo | None = None


@dataclass
class Ee:
    """One EE with its pipes drained, as the worker's host would."""

    process: SandboxedProcess
    output: bytearray = field(default_factory=bytearray)
    _frames: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    _partial: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self.process.control_reader, self._on_control)
        for descriptor in (self.process.stdout, self.process.stderr):
            loop.add_reader(descriptor, self._on_output, descriptor)

    async def run(self, source: str, timeout_s: float = 20) -> Answer:
        """Run source code as a step; a timeout kills the EE, as the host's clock would."""
        self.process.watch()
        with contextlib.suppress(BrokenPipeError):
            os.write(self.process.control_writer, json.dumps(source).encode() + b"\n")
        frame = asyncio.ensure_future(self._frames.get())
        end = asyncio.ensure_future(self.process.wait())
        done, _ = await asyncio.wait({frame, end}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            self.process.kill(f"timed out after {timeout_s:g} s")
            await end
        self.process.unwatch()
        if frame in done:
            end.cancel()
            return Answer(**{name: value for name, value in json.loads(frame.result()).items() if name != "trace"})
        frame.cancel()
        return Answer(end=end.result())

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for name in ("control_reader", "stdout", "stderr"):
            descriptor = getattr(self.process, name)
            if descriptor >= 0:
                loop.remove_reader(descriptor)
        self.process.close_fds()

    def _on_control(self) -> None:
        chunk = os.read(self.process.control_reader, 65536)
        if not chunk:
            asyncio.get_running_loop().remove_reader(self.process.control_reader)
        self._partial += chunk
        while b"\n" in self._partial:
            line, _, rest = bytes(self._partial).partition(b"\n")
            self._partial = bytearray(rest)
            self._frames.put_nowait(line)

    def _on_output(self, descriptor: int) -> None:
        chunk = os.read(descriptor, 65536)
        if not chunk:
            asyncio.get_running_loop().remove_reader(descriptor)
        self.output += chunk[: _OUTPUT_LIMIT - len(self.output)]


@dataclass
class House:
    """A hostile EE is taken from it by `spawn`; `neighbour` has been there before."""

    sandbox: Sandbox
    neighbour: Ee
    ees: list[Ee] = field(default_factory=list)

    async def spawn(self) -> Ee:
        ee = Ee(await self.sandbox.spawn())
        self.ees.append(ee)
        return ee

    async def attack(self, source: str, timeout_s: float = 20) -> Answer:
        """Run hostile code in an EE of its own, then prove that the neighbour and a fresh EE work as before."""
        hostile = await self.spawn()
        answer = await hostile.run(source, timeout_s)
        await self.assert_untouched()
        return answer

    async def assert_untouched(self) -> None:
        before = "import os; result = os.path.exists('/tmp/mine'), os.listdir('/tmp')"
        answer = await self.neighbour.run(before)
        assert answer.ok and answer.result == [True, ["mine"]], answer
        fresh = await self.spawn()
        answer = await fresh.run("import os; result = os.listdir('/tmp'), 6 * 7")
        assert answer.ok and answer.result == [[], 42], answer
        fresh.process.kill()


@contextlib.asynccontextmanager
async def house(**changes: object) -> AsyncIterator[House]:
    """A sandbox with a neighbour in it; at the end everything is killed, and must be gone."""
    settings = SandboxSettings.from_env({}, runtime_dir=RUNTIME)
    sandbox = Sandbox(dataclasses.replace(settings, **changes))
    try:
        neighbour = Ee(await sandbox.spawn())
        assert (await neighbour.run("open('/tmp/mine', 'w').close()")).ok
        here = House(sandbox, neighbour, [neighbour])
        yield here
        for ee in here.ees:
            ee.process.kill("the test is over")
            await asyncio.wait_for(ee.process.wait(), 20)
            ee.close()
    finally:
        await sandbox.close()


async def until(condition: Callable[[], bool], deadline_s: float = 20) -> None:
    """Wait for a condition; the deadline is for failures only."""
    end = asyncio.get_running_loop().time() + deadline_s
    while not condition():
        assert asyncio.get_running_loop().time() < end, "the condition never came true"
        await asyncio.sleep(0.005)


def attack(source: str, timeout_s: float = 20, **changes: object) -> Answer:
    """One attack in a house of its own."""

    async def run() -> Answer:
        async with house(**changes) as here:
            return await here.attack(source, timeout_s)

    return asyncio.run(run())
