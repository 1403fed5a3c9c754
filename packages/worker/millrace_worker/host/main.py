"""Start and end of the worker process."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import sys
from pathlib import Path

from millrace_worker.host.bounds import Bounds
from millrace_worker.host.log import Log
from millrace_worker.host.outbox import Outbox
from millrace_worker.host.session import SessionFailed, run_session
from millrace_worker.host.settings import SettingsError, WorkerSettings, load_settings
from millrace_worker.host.tracing import OtlpTracing, Tracing
from millrace_worker.host.worker import Worker
from millrace_worker.sandbox import InvalidSandboxSetting, Sandbox, SandboxSettings, SandboxUnavailable

EXIT_SETTINGS = 2
EXIT_SESSION = 3
EXIT_SANDBOX = 4

RUNTIME = Path(__file__).resolve().parents[1] / "runtime"
_PR_SET_PDEATHSIG = 1
# A message makes some hundred short-lived objects, none in a circle: Python's own 700 would collect several times a run.
_GC_THRESHOLDS = (10_000, 20, 20)


def main() -> int:
    """Runs a worker; returns its exit code."""
    try:
        settings = load_settings(os.environ, sys.argv[1:])
    except SettingsError as error:
        Log("error").error("the settings are wrong", problems=str(error).splitlines())
        return EXIT_SETTINGS
    log = Log(settings.log_level, worker=settings.worker_id)
    end_with_parent()
    # What the imports made stays for good: every full collection would look at all of it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        sandbox_settings(Bounds())
    except InvalidSandboxSetting as error:
        log.error("the settings are wrong", problems=error.problems)
        return EXIT_SETTINGS
    try:
        return asyncio.run(serve(settings, log))
    except SandboxUnavailable as error:
        log.error("the sandbox does not work here", cause=error.cause, remedy=error.remedy)
        return EXIT_SANDBOX


def end_with_parent() -> None:
    """The kernel ends this process when its runner dies: a frozen socket would keep the session open."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(EXIT_SESSION)


async def serve(settings: WorkerSettings, log: Log) -> int:
    """One session, from the first frame to the last environment's end."""

    def make_sandbox(bounds: Bounds) -> Sandbox:
        return Sandbox(sandbox_settings(bounds))

    outbox = Outbox()
    tracing = OtlpTracing(settings.worker_id) if settings.otlp_endpoint else Tracing()
    worker = Worker(outbox, tracing, log, make_sandbox)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
    # Ctrl-C in a terminal reaches the whole process group; it is the runner that says what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    session = asyncio.create_task(run_session(settings, worker, outbox, log))
    try:
        await asyncio.wait((session, worker.broken), return_when=asyncio.FIRST_COMPLETED)
        if worker.broken.done():
            session.cancel()
            raise worker.broken.result()
        session.result()
        return 0
    except SessionFailed as error:
        log.error("the session has ended", cause=str(error))
        return EXIT_SESSION
    finally:
        await worker.close()
        await asyncio.to_thread(tracing.close)


def sandbox_settings(bounds: Bounds) -> SandboxSettings:
    """The sandbox's settings: the host's from the environment, the bounds from the runner."""
    return SandboxSettings.from_env(os.environ, runtime_dir=RUNTIME, **dict(bounds.sandbox))
