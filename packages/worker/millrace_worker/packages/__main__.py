"""`python -m millrace_worker.packages`: one build, told by JSON lines on standard input, telling by JSON lines.

First line: `{"folder", "index_url", "network", "network_allow", "network_deny", "sdists", "memory_bytes", "bytes_max",
"seconds_max"}`. Then one of `{"do": "resolve", "requirements": [...], "preferred_lock"}` and `{"do": "install", "lock"}`; each is answered by progress
(`{"stage", "done", "total"}`) and then `{"result": {...}}` or `{"error": {"reason", "message"}}`. The end of the input ends the
build and everything of it. An installed set lies in `<folder>/set`, complete, owned by whoever runs this.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

from millrace_worker.packages.settings import build_environment
from millrace_worker.sandbox import ExitInfo, InvalidSandboxSetting, Sandbox, SandboxSettings, SandboxUnavailable
from millrace_worker.sandbox.bubblewrap import WORK
from millrace_worker.sandbox.process import SandboxedProcess

_INSIDE = Path(__file__).with_name("inside")
_UV = "/millrace/uv"
_MIB = 1 << 20
_PROCESSES = 512
_LINE_BYTES_MAX = 8 * _MIB
_LINES_MAX = 10_000
# Of lines that nobody has looked at yet.
_WAITING_BYTES_MAX = 4 * _LINE_BYTES_MAX
_USER_OF_URL = re.compile(r"://[^/\s@]*@")
_SIZE_LOOK_SECONDS = 1.0
# What a file or a folder takes at least: there may be no end of empty ones either.
_ENTRY_BYTES = 4096
_PR_SET_PDEATHSIG = 1


class BuildFailed(Exception):
    """The build is over."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def main() -> int:
    """Runs a build; the exit code is 0 whenever everything that can be said was said."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    job = json.loads(sys.stdin.readline())
    try:
        asyncio.run(build(job))
    except BuildFailed as error:
        say(error={"reason": error.reason, "message": str(error)})
    except SandboxUnavailable as error:
        say(error={"reason": "SANDBOX_UNAVAILABLE", "message": str(error)})
    except InvalidSandboxSetting as error:
        say(error={"reason": "SANDBOX_UNAVAILABLE", "message": "; ".join(error.problems)})
    return 0


async def build(job: dict[str, Any]) -> None:
    """One sandbox, from its start to its end."""
    folder = Path(job["folder"])
    work = folder / "work"
    work.mkdir(mode=0o700)
    uv = find_uv()
    settings = SandboxSettings.from_env(
        os.environ,
        runtime_dir=_INSIDE,
        work_dir=work,
        read_only_binds=((uv, _UV),),
        network=job["network"],
        network_allow=tuple(job["network_allow"]),
        network_deny=tuple(job["network_deny"]),
        memory_limit_bytes=job["memory_bytes"],
        process_limit=_PROCESSES,
        open_files_total=1 << 16,
        tmp_bytes=256 * _MIB,
    )
    sandbox = Sandbox(settings)
    try:
        process = await sandbox.spawn()
        process.watch()
        first = {
            "work": str(work) if settings.unsafe else WORK,
            "uv": str(uv) if settings.unsafe else _UV,
            "sdists": job["sdists"],
            "environment": build_environment(os.environ, job["index_url"]),
        }
        guards = [asyncio.create_task(guard_size(process, work, job["bytes_max"]))]
        guards.append(asyncio.create_task(guard_time(process, job["seconds_max"])))
        try:
            await Conversation(process, first).go_on(folder)
        finally:
            for guard in guards:
                guard.cancel()
    finally:
        await sandbox.close()


class Conversation:
    """The host's side of the pipes into the sandbox. What comes out is checked: hostile code may have written it."""

    def __init__(self, process: SandboxedProcess, first: dict[str, Any]) -> None:
        self._process = process
        self._first = first
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting_bytes = 0
        self._text = b""
        self._commands: asyncio.Queue[str] = asyncio.Queue()
        self._tail = b""
        self._told: dict[str, Any] = {}
        self._dead = self._loop.create_task(process.wait())

    async def go_on(self, folder: Path) -> None:
        """Passes commands on until there are no more."""
        process = self._process
        self._loop.add_reader(process.control_reader, self._read)
        for descriptor in (process.stdout, process.stderr):
            self._loop.add_reader(descriptor, self._drain, descriptor)
        threading.Thread(target=self._read_commands, daemon=True).start()
        try:
            while line := await self._commands.get():
                result = await self._do({**self._first, **json.loads(line)})
                if json.loads(line)["do"] == "install":
                    process.kill("the build is over")
                    await self._dead
                    await asyncio.to_thread(adopt, folder / "work" / "set", folder / "set")
                say(result=result)
        finally:
            self._loop.remove_reader(process.control_reader)
            for descriptor in (process.stdout, process.stderr):
                self._loop.remove_reader(descriptor)

    def _read_commands(self) -> None:
        for line in sys.stdin:
            self._loop.call_soon_threadsafe(self._commands.put_nowait, line)
        self._loop.call_soon_threadsafe(self._commands.put_nowait, "")

    async def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        await self._write(json.dumps(command).encode() + b"\n")
        while True:
            answer = await self._next()
            if "stage" in answer:
                self._tell({name: answer[name] for name in ("stage", "done", "total") if name in answer})
            elif isinstance(answer.get("result"), dict):
                return answer["result"]
            elif "error" in answer:
                raise BuildFailed(reason_of(command["do"], answer), without_users(str(answer["error"])))

    def _tell(self, progress: dict[str, Any]) -> None:
        if progress != self._told:
            self._told = progress
            say(**progress)

    async def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._process.control_writer, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.01)
            except BrokenPipeError:
                return

    async def _next(self) -> dict[str, Any]:
        reading = asyncio.create_task(self._lines.get())
        await asyncio.wait((reading, self._dead), return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            reading.cancel()
            raise self._death(self._dead.result())
        with contextlib.suppress(ValueError):
            self._waiting_bytes -= len(reading.result())
            answer = json.loads(reading.result())
            if isinstance(answer, dict):
                return answer
        raise BuildFailed("PACKAGES_BUILD_FAILED", "the build said something impossible")

    def _death(self, info: ExitInfo) -> BuildFailed:
        said = without_users(self._tail.decode("utf-8", "replace")).strip()[-500:]
        return BuildFailed("PACKAGES_BUILD_FAILED", f"the build {info.message}" + (f"; it said {said!r}" if said else ""))

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            data = os.read(self._process.control_reader, 1 << 20)
            if not data:
                self._loop.remove_reader(self._process.control_reader)
                return
            *lines, self._text = (self._text + data).split(b"\n")
            for line in lines:
                self._lines.put_nowait(line)
                self._waiting_bytes += len(line)
            too_much = self._waiting_bytes > _WAITING_BYTES_MAX or self._lines.qsize() > _LINES_MAX
            if len(self._text) > _LINE_BYTES_MAX or too_much:
                self._process.kill("it said too much")
                self._loop.remove_reader(self._process.control_reader)

    def _drain(self, descriptor: int) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            data = os.read(descriptor, 1 << 16)
            if not data:
                self._loop.remove_reader(descriptor)
            self._tail = (self._tail + data)[-4096:]


def reason_of(command: str, answer: dict[str, Any]) -> str:
    """Whose fault a failure is: the index's, the build's, or that of what was asked for."""
    if answer.get("unreachable"):
        return "PACKAGE_INDEX_UNREACHABLE"
    return "PACKAGES_BUILD_FAILED" if answer.get("ours") or command == "install" else "PACKAGES_UNRESOLVABLE"


def without_users(text: str) -> str:
    """What a build said, without names and passwords in addresses: those of the index are the house's, not its users'."""
    return _USER_OF_URL.sub("://", text)


async def guard_time(process: SandboxedProcess, seconds_max: float) -> None:
    """Ends a build that takes too long."""
    await asyncio.sleep(seconds_max)
    process.condemn(ExitInfo("killed", f"took longer than {seconds_max:g} s"))


async def guard_size(process: SandboxedProcess, work: Path, bytes_max: int) -> None:
    """Ends a build that fills the disk. Counting takes time, so it is done for a small part of it."""
    while True:
        started = time.monotonic()
        used = await asyncio.to_thread(size_of, work)
        if used > bytes_max:
            process.condemn(ExitInfo("killed", f"wrote more than {bytes_max // _MIB} MiB"))
            return
        await asyncio.sleep(max(_SIZE_LOOK_SECONDS, 10 * (time.monotonic() - started)))


def size_of(folder: Path) -> int:
    """Bytes on disk below a folder; what has several names counts once, and what is empty is not free."""
    total = 0
    seen: set[tuple[int, int]] = set()
    for root, folders, names in os.walk(folder):
        total += _ENTRY_BYTES * len(folders)
        for name in names:
            with contextlib.suppress(OSError):
                found = os.lstat(os.path.join(root, name))
                if found.st_nlink == 1 or (found.st_dev, found.st_ino) not in seen:
                    total += max(found.st_blocks * 512, _ENTRY_BYTES)
                if found.st_nlink > 1:
                    seen.add((found.st_dev, found.st_ino))
    return total


def adopt(built: Path, target: Path) -> None:
    """Makes what was built the house's own: nothing but folders, plain files and links within, readable by all, for all the
    same. Nobody of the build is alive any more, so nothing changes meanwhile."""
    if not os.path.lexists(built) or not stat.S_ISDIR(os.lstat(built).st_mode):
        raise BuildFailed("PACKAGES_BUILD_FAILED", "the build left no folder")
    root = built.resolve()
    # First of all: a folder that cannot be listed would hide what is in it.
    _adopt_one(str(built), root)
    for folder, folders, names in os.walk(built, topdown=True):
        for name in [*folders, *names]:
            _adopt_one(os.path.join(folder, name), root)
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(folder, name))]
    os.rename(built, target)
    _sync(target.parent)


def _adopt_one(path: str, root: Path) -> None:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        if not Path(path).resolve().is_relative_to(root) or os.path.isabs(os.readlink(path)):
            os.unlink(path)
            return
        os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
    elif stat.S_ISDIR(mode):
        os.chown(path, os.geteuid(), os.getegid())
        os.chmod(path, 0o755)
    elif stat.S_ISREG(mode):
        os.chown(path, os.geteuid(), os.getegid())
        os.chmod(path, 0o755 if mode & 0o100 else 0o644)
    else:
        os.unlink(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find_uv() -> Path:
    """The uv that was chosen, else the one that came with the worker, else the machine's."""
    beside = Path(sys.executable).parent / "uv"
    found = os.environ.get("MILLRACE_UV") or (str(beside) if beside.exists() else shutil.which("uv"))
    if found is None or not os.access(found, os.X_OK):
        raise BuildFailed("UV_MISSING", "uv was not found: install it beside the worker (it is one of its requirements)")
    return Path(found).resolve()


def say(**fields: Any) -> None:
    """One line to the runner."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
