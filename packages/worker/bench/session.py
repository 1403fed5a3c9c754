"""What the worker costs, measured before a minimal runner: latency, CPU, cold starts, sustained rate.

Run it as `python bench/session.py [--runs N]` in packages/worker. The runner here is Python too and shares the machine, so
latencies hold its own ~0.2 ms; the worker's and the environments' CPU is read from the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE))

from millrace_worker.generated import session_pb2 as pb  # noqa: E402
from millrace_worker.generated import session_pb2_grpc as pb_grpc  # noqa: E402

ONE_STEP = "def handler(pd):\n    return {'name': pd.steps['trigger']['event']['name']}"
PRINTING = "def handler(pd):\n    print('hello', pd.steps['trigger']['event']['name'])\n    pd.export('x', 1)\n    return 1"
EVENT = b'{"method":"POST","path":"/","query":{},"headers":{"host":"127.0.0.1"},"body":{"name":"Bulbasaur"},"name":"Bulbasaur"}'


class Session(pb_grpc.WorkerSessionServiceServicer):
    """Keeps a number of runs going and counts."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.ended: dict[str, asyncio.Future[None]] = {}
        self.inventory = pb.Inventory()
        self._outgoing: list[pb.RunnerFrame] = []
        self._wake = asyncio.Event()

    async def Session(self, requests: AsyncIterator[pb.SessionRequest], context: grpc.aio.ServicerContext) -> None:
        self.say(pb.RunnerFrame(configure=pb.Configure(environments_max=48, blank_environments=4)))
        writing = asyncio.create_task(self._write(context))
        self.connected.set()
        async for request in requests:
            for frame in request.frames:
                kind = frame.WhichOneof("frame")
                if kind == "step_finished":
                    assert not frame.step_finished.result.HasField("failure"), frame
                    self.ended.pop(frame.step_finished.assignment.run_id).set_result(None)
                    self.say(pb.RunnerFrame(end_run=pb.EndRun(assignment=frame.step_finished.assignment)))
                elif kind == "inventory":
                    self.inventory = frame.inventory

        writing.cancel()

    async def _write(self, context: grpc.aio.ServicerContext) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            frames, self._outgoing = self._outgoing, []
            await context.write(pb.SessionResponse(frames=frames))

    def say(self, frame: pb.RunnerFrame) -> None:
        self._outgoing.append(frame)
        self._wake.set()

    def load(self, source: str) -> str:
        version = uuid.uuid4().hex
        step = pb.StepCode(path="steps/0", name="one", file_name="one.py", source=source)
        self.say(pb.RunnerFrame(load_version=pb.LoadVersion(version_id=version, steps=[step])))
        return version

    async def run(self, version: str) -> float:
        """One run; returns the time until its step had ended."""
        run_id = str(uuid.uuid4())
        future = self.ended[run_id] = asyncio.get_running_loop().create_future()
        assignment = pb.Assignment(run_id=run_id, number=1)
        start = pb.StartRun(
            assignment=assignment, version_id=version, event_json=EVENT, context_json=b'{"id":"x"}', environment={"A": "b"}
        )
        began = time.perf_counter()
        self.say(pb.RunnerFrame(start_run=start))
        await future
        return time.perf_counter() - began


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """Every process below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def total(pids: list[int]) -> float:
    return sum(cpu_seconds(pid) for pid in pids if Path(f"/proc/{pid}").exists())


def pss_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return 0
    return int(text.split("\nPss:")[1].split()[0]) / 1024


async def measure(session: Session, worker: int, name: str, source: str, width: int, runs: int) -> None:
    version = session.load(source)
    times: list[float] = []

    async def lane(count: int) -> None:
        for _ in range(count):
            times.append(await session.run(version))

    await asyncio.gather(*(lane(20) for _ in range(width)))
    times.clear()
    worker_before, below_before = cpu_seconds(worker), total(descendants(worker))
    began = time.perf_counter()
    await asyncio.gather(*(lane(runs // width) for _ in range(width)))
    took = time.perf_counter() - began
    worker_cpu, below = cpu_seconds(worker) - worker_before, total(descendants(worker)) - below_before
    count = len(times)
    cuts = statistics.quantiles(times, n=100)
    print(
        f"{name:28} x{width:<3} {count / took:7.0f} runs/s   p50 {cuts[49] * 1e6:6.0f} us  p99 {cuts[98] * 1e6:7.0f} us   "
        f"CPU per run: worker {worker_cpu / count * 1e6:4.0f} us, environments {below / count * 1e6:4.0f} us"
    )


async def measure_cold(session: Session, count: int) -> None:
    times = []
    for _ in range(count):
        while session.inventory.blank_environments < 4:
            await asyncio.sleep(0.05)
        times.append(await session.run(session.load(ONE_STEP)))
        session.inventory = pb.Inventory()
    print(f"{'cold start':28} x1           p50 {statistics.median(times) * 1e6:6.0f} us  max {max(times) * 1e6:7.0f} us")


async def measure_fresh(session: Session, worker: int, count: int) -> None:
    """More versions than environments: every run needs a new sandbox."""
    versions = [session.load(ONE_STEP) for _ in range(count)]
    before, began = cpu_seconds(worker) + children_seconds(worker), time.perf_counter()
    for index in range(0, count, 4):
        await asyncio.gather(*(session.run(version) for version in versions[index : index + 4]))
    took = time.perf_counter() - began
    cpu = cpu_seconds(worker) + children_seconds(worker) - before
    print(
        f"{'a version for each run':28} x4  {count / took:7.0f} runs/s   CPU per run {cpu / count * 1e3:.1f} ms (ended processes only)"
    )


def children_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


async def bench(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/runner.sock"
        server, session = grpc.aio.server(), Session()
        pb_grpc.add_WorkerSessionServiceServicer_to_server(session, server)
        server.add_insecure_port(f"unix:{socket}")
        await server.start()
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "MILLRACE_RUNNER_SOCKET": socket}
        environment |= {"MILLRACE_WORKER_TOKEN": "bench", "MILLRACE_WORKER_ID": "bench"}
        worker = subprocess.Popen([sys.executable, "-m", "millrace_worker"], env=environment)
        try:
            began = time.perf_counter()
            await asyncio.wait_for(session.connected.wait(), 20)
            print(f"{'worker connected':28} after {(time.perf_counter() - began) * 1e3:.0f} ms")
            while session.inventory.blank_environments < 4:
                await asyncio.sleep(0.01)
            print(f"{'four blank environments':28} after {(time.perf_counter() - began) * 1e3:.0f} ms")
            await measure(session, worker.pid, "one step", ONE_STEP, 1, runs)
            await measure(session, worker.pid, "one step that prints", PRINTING, 1, runs)
            await measure(session, worker.pid, "one step", ONE_STEP, 4, runs)
            await measure(session, worker.pid, "one step", ONE_STEP, 16, runs)
            await measure_cold(session, 15)
            await measure_fresh(session, worker.pid, 60)
            below = [pss_mb(pid) for pid in descendants(worker.pid)]
            print(f"{'memory (PSS)':28} worker {pss_mb(worker.pid):.0f} MB, {len(below)} processes below it {sum(below):.0f} MB")
        finally:
            worker.terminate()
            worker.wait(10)
            await server.stop(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=2000)
    asyncio.run(bench(parser.parse_args().runs))
