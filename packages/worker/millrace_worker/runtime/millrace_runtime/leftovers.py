"""What a run may leave behind in its interpreter, and how that is undone before the next one."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import os
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SIGNALS = [number for number in range(1, 65) if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]
#: The clock that dates files: Linux' CLOCK_REALTIME_COARSE, for which `time` has no name.
FILE_CLOCK = 5
_THREADS_SECONDS = 2.0
_NAMES = ("standard input", "standard output", "standard error")
# Below the channel's: numbers that nothing is given by itself, and that user code closes only together with the channel.
_LOADAVG, _STATM = 998, 999


def _open_output(descriptor: int) -> Any:
    # Line by line, so that lines arrive while the step runs; user code that closes the object must not close the pipe.
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


class Baseline:
    """How the interpreter was before any user code, and the way back."""

    def __init__(self) -> None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)
        sys.stdout, sys.stderr = _open_output(1), _open_output(2)
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._keep_originals()
        self._environ = os.environ
        self._variables = dict(os.environ)
        self._set: dict[str, str] | None = None
        self._encoded: dict[Any, Any] = {}
        self._directory = os.getcwd()
        self._signals = tuple(map(signal.getsignal, _SIGNALS))
        self._recursion_limit = sys.getrecursionlimit()
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._descriptors = [_identity(descriptor) for descriptor in range(3)]
        self._process = os.getpid()
        #: The newest process or thread there was when last all others were ended; empty when that is not known.
        self._newest = b""
        # Read behind each run: to open them costs more than to read them.
        _keep_open("/proc/loadavg", _LOADAVG)
        _keep_open("/proc/self/statm", _STATM)

    def begin(self, variables: dict[str, str]) -> None:
        """Sets a run's environment variables."""
        # Most runs follow one with the same variables that changed none: their encoded form is compared, without a copy.
        if variables == self._set and self._environ._data == self._encoded:  # type: ignore[attr-defined]
            return
        wanted = {**self._variables, **variables}
        if dict(self._environ) != wanted:
            self._environ.clear()
            self._environ.update(wanted)
        self._set, self._encoded = variables, dict(self._environ._data)  # type: ignore[attr-defined]

    def flush(self) -> None:
        """Writes out what the streams hold back, the author's own replacements included."""
        for stream in {sys.stdout, sys.stderr, *self._streams[1:]}:
            try:
                stream.flush()
            except Exception:  # Closed, or not a stream at all; `damage` says what matters.
                pass

    def damage(self) -> str | None:
        """Says which of the descriptors 0 to 2 is not what it was."""
        for descriptor, identity in enumerate(self._descriptors):
            if _identity(descriptor) != identity:
                return (
                    f"the step closed or replaced file descriptor {descriptor} ({_NAMES[descriptor]}); "
                    "descriptors 0, 1 and 2 must stay as they are"
                )
        return None

    def restore(self, own_pids: bool) -> int:
        """Puts everything back and ends child processes; returns how many rounds of them there were."""
        strays = self._end_children(own_pids)
        self._restore_streams()
        os.environ = self._environ
        for undo in (self._restore_process, self._restore_signals, self._restore_interpreter):
            try:
                undo()
            except Exception as error:
                print(f"could not be restored after the run: {error}", file=sys.stderr)
        return strays

    def _end_children(self, own_pids: bool) -> int:
        """To look for processes the kernel goes through all of the machine's: only when one has begun since the last time."""
        newest = _newest_process() if own_pids else b""
        if newest and newest == self._newest:
            return 0
        rounds = end_children(own_pids)
        # A process that began meanwhile changes the number once more, and is found the next time.
        self._newest = newest
        return rounds

    def _restore_streams(self) -> None:
        if (sys.stdin, sys.stdout, sys.stderr) != self._streams or any(stream.closed for stream in self._streams):
            streams = (
                self._streams[0] if not self._streams[0].closed else open(0, encoding="utf-8", closefd=False),
                self._streams[1] if not self._streams[1].closed else _open_output(1),
                self._streams[2] if not self._streams[2].closed else _open_output(2),
            )
            self._streams = sys.stdin, sys.stdout, sys.stderr = streams
            self._keep_originals()

    def _keep_originals(self) -> None:
        for name, stream in zip(("__stdin__", "__stdout__", "__stderr__"), self._streams, strict=True):
            setattr(sys, name, stream)

    def _restore_process(self) -> None:
        os.chdir(self._directory)
        os.umask(self._umask)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _restore_signals(self) -> None:
        if tuple(map(signal.getsignal, _SIGNALS)) == self._signals:
            return
        for number, handler in zip(_SIGNALS, self._signals, strict=True):
            if signal.getsignal(number) is not handler and handler is not None:
                signal.signal(number, handler)

    def _restore_interpreter(self) -> None:
        sys.setrecursionlimit(self._recursion_limit)
        sys.settrace(None)
        sys.setprofile(None)
        socket = sys.modules.get("socket")
        if socket is not None and socket.getdefaulttimeout() is not None:
            socket.setdefaulttimeout(None)


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _keep_open(path: str, descriptor: int) -> None:
    try:
        opened = os.open(path, os.O_RDONLY)
        os.dup2(opened, descriptor, inheritable=False)
        os.close(opened)
    except OSError:  # Where there is none, nothing is read.
        pass


def _newest_process() -> bytes:
    """Number of the process or thread that began last in this namespace of process ids; empty when the kernel does not say."""
    try:
        return os.pread(_LOADAVG, 256, 0).rpartition(b" ")[2]
    except OSError:
        return b""


def memory_now() -> int:
    """Resident memory of the environment, by what its baseline keeps open."""
    try:
        return _resident(os.pread(_STATM, 256, 0))
    except OSError:
        return memory_bytes()


def end_children(own_pids: bool) -> int:
    """Kills what user code has started and left. `own_pids` says that nothing but user code shares our process ids."""
    rounds = 0
    while rounds < 10:
        try:
            if own_pids:
                os.kill(-1, signal.SIGKILL)
            else:
                _kill_direct_children()
        except OSError:  # Nobody is left.
            return rounds
        rounds += 1
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.001)
            except OSError:
                break
    return rounds


def _kill_direct_children() -> None:
    me = os.getpid()
    children: list[int] = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/{me}/task/{task}/children") as file:
            children.extend(int(child) for child in file.read().split())
    if not children:
        raise ProcessLookupError
    for child in children:
        os.kill(child, signal.SIGKILL)


def threads_left(seconds: float = _THREADS_SECONDS) -> list[str]:
    """Names of the threads that are still alive after a while."""
    deadline = time.monotonic() + seconds
    names = []
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                names.append(thread.name)
    return names


def memory_bytes() -> int:
    """Resident memory of this process."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
        try:
            return _resident(os.read(descriptor, 256))
        finally:
            os.close(descriptor)
    except OSError:
        return 0


def _resident(statm: bytes) -> int:
    try:
        return int(statm.split()[1]) * 4096
    except (ValueError, IndexError):
        return 0
