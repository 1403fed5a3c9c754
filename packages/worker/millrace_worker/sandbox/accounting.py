"""What an EE uses, read from its own /proc.

The EE's /proc lists the processes of its pid namespace and no others, so one open directory is a complete and race-free
list of what belongs to it: a daemon that forked twice is on it too, and a descriptor of `<pid>/` in it signals that very
process (pidfd_send_signal takes them) even after its number was used again.

What counts as memory: anonymous pages (heap, stacks, MAP_PRIVATE), shared pages (MAP_SHARED without a file), page tables
and swap of all processes, and what lies in /dev/shm, mapped or not. Not: pages of files (the interpreter's and the packages' code is shared
by all EEs and can be dropped by the kernel) and /tmp, mapped or not, which has a bound of its own.
"""

from __future__ import annotations

import operator
import os
import re
import signal
from dataclasses import dataclass

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
INIT_PID, MAIN_PID = 1, 2


@dataclass(frozen=True)
class Usage:
    """A look at an EE. Memory may be counted double where processes share pages; `exact` tells that it was not."""

    memory_bytes: int = 0
    processes: int = 0
    threads: int = 0
    tmp_bytes: int = 0
    cpu_seconds: float = 0.0
    open_files: int = 0
    """Of all processes together; 0 on kernels before 6.2, which do not tell it cheaply."""
    exact: bool = False


class ProcessTable:
    """The processes of one EE, by the /proc of its own pid namespace."""

    def __init__(self, host_pid: int) -> None:
        root = f"/proc/{host_pid}/root"
        opened: list[int] = []
        try:
            for folder in ("proc", "dev/shm", "tmp"):
                opened.append(os.open(f"{root}/{folder}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        except OSError:  # It has ended meanwhile.
            for descriptor in opened:
                os.close(descriptor)
            raise
        self._proc, self._shm, self._tmp = opened
        self._tmp_device = os.fstat(self._tmp).st_dev
        self._shm_device = os.fstat(self._shm).st_dev
        self._init_kib = 0
        #: Of the main Python and init, kept open for looks: status, children, children. None: not opened yet; empty: not to be had.
        self._kept: tuple[int, ...] | None = None

    def close(self) -> None:
        """Forget the EE; its mounts can only go away then."""
        for descriptor in (self._proc, self._shm, self._tmp, *(self._kept or ())):
            os.close(descriptor)

    def pids(self) -> list[int]:
        """Every process, as the EE numbers them."""
        # Opened anew: two threads that list one descriptor share its position, and each misses what the other saw.
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc)
        try:
            return [int(name) for name in os.listdir(folder) if name.isdecimal()]
        finally:
            os.close(folder)

    def strays(self) -> tuple[list[int], set[int]]:
        """What is there beside init and the main Python: what runs, and the zombies, which only their parent can remove."""
        running, zombies = [], set()
        for pid in self.pids():
            if pid > MAIN_PID:
                if self._is_alive(pid):
                    running.append(pid)
                else:
                    zombies.add(pid)
        return running, zombies

    def kill(self, pid: int, number: int = signal.SIGKILL) -> bool:
        """Signal exactly the process that has this number now; False when it is gone."""
        try:
            descriptor = os.open(str(pid), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc)
        except (FileNotFoundError, ProcessLookupError):
            return False
        try:
            signal.pidfd_send_signal(descriptor, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)

    def quick_usage(self) -> Usage:
        """An upper bound of the memory: for some 15 µs while the main Python is alone, for some 30 µs a process otherwise."""
        return self._usage_alone() or self._usage_of_all()

    def _usage_alone(self) -> Usage | None:
        """The same without a list of processes, when the main Python has one thread and there is no process beside it.

        Whatever is there descends from it or was left to init. What one thread has started is among its children, or, when
        a parent in between has ended, among those of init: they are looked at in this order, so that nothing that was
        there before the look is missed on its way from one to the other.
        """
        if self._kept is None:
            self._kept = self._open_kept()
        if not self._kept or self._init_kib == 0:
            return None
        status, children, init_children = self._kept
        try:
            text = os.pread(status, 4096, 0)
            if _number(text, b"\nThreads:", b"\n") != 1 or os.pread(children, 1, 0) or os.pread(init_children, 8, 0) != b"2 ":
                return None
        except OSError:  # It has ended.
            return None
        kib = self._init_kib + sum(_number(text, name, b" kB") for name in _MEMORY_LINES)
        return Usage(kib * 1024 + _used_bytes(self._shm), 2, 2, open_files=self._open_files(MAIN_PID))

    def _open_kept(self) -> tuple[int, ...]:
        names = (f"{MAIN_PID}/status", f"{MAIN_PID}/task/{MAIN_PID}/children", f"{INIT_PID}/task/{INIT_PID}/children")
        opened: list[int] = []
        try:
            for name in names:
                opened.append(os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc))
        except OSError:  # A kernel without lists of children, or it has ended.
            for descriptor in opened:
                os.close(descriptor)
            return ()
        return tuple(opened)

    def _usage_of_all(self) -> Usage:
        # Init is ours and does not change: what it uses is asked once.
        if self._init_kib == 0:
            self._init_kib = self._quick(INIT_PID)[0]
        memory, threads, files, pids = self._init_kib, 1, 0, self.pids()
        for pid in pids:
            if pid != INIT_PID:
                memory, threads, files = map(operator.add, (memory, threads, files), self._quick(pid))
        return Usage(memory * 1024 + _used_bytes(self._shm), len(pids), threads, open_files=files)

    def _quick(self, pid: int) -> tuple[int, int, int]:
        """KiB, threads and open files of one process."""
        values = self._status(pid)
        threads = values.pop("Threads", 0)
        return sum(values.values()), threads, self._open_files(pid)

    def exact_usage(self) -> Usage:
        """Shared pages counted once and /tmp left out. Milliseconds for large processes: only when the bound is near."""
        memory, threads, files, cpu, pids = 0, 0, 0, 0.0, self.pids()
        for pid in pids:
            values = self._status(pid)
            memory += self._proportional_kib(pid) + values.get("VmPTE", 0)
            threads += values.get("Threads", 0)
            files += self._open_files(pid)
            cpu += self._cpu_seconds(pid)
        return Usage(
            memory_bytes=memory * 1024 + _used_bytes(self._shm),
            processes=len(pids),
            threads=threads,
            tmp_bytes=_used_bytes(self._tmp),
            cpu_seconds=cpu,
            open_files=files,
            exact=True,
        )

    def tmp_bytes(self) -> int:
        """What lies in /tmp."""
        return _used_bytes(self._tmp)

    def cpu_seconds(self) -> float:
        """Processor time of all processes, with that of children that have ended."""
        return sum(self._cpu_seconds(pid, ended=True) for pid in self.pids())

    def _read(self, name: str) -> bytes:
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        except (FileNotFoundError, ProcessLookupError):
            return b""
        try:
            chunks = []
            while chunk := os.read(descriptor, 65536):
                chunks.append(chunk)
            return b"".join(chunks)
        except (FileNotFoundError, ProcessLookupError):
            return b""
        finally:
            os.close(descriptor)

    def _status(self, pid: int) -> dict[str, int]:
        return {_STATUS_LINES[name]: int(value) for name, value in _STATUS_LINE.findall(self._read(f"{pid}/status"))}

    def _open_files(self, pid: int) -> int:
        try:
            return os.stat(f"{pid}/fd", dir_fd=self._proc).st_size
        except (FileNotFoundError, ProcessLookupError):
            return 0

    def _proportional_kib(self, pid: int) -> int:
        """Anonymous and shared memory of one process, pages shared with others in equal parts, by smaps_rollup.

        The roll-up cannot tell shared memory from mapped files of /tmp; where it shows any, every mapping is read.
        """
        rollup = _fields(self._read(f"{pid}/smaps_rollup"))
        if not rollup:
            return 0
        shared = rollup.get(b"Pss_Shmem", 0)
        if shared > 1024:
            shared = self._shared_kib(pid)
        return rollup.get(b"Pss_Anon", rollup.get(b"Anonymous", 0)) + rollup.get(b"SwapPss", 0) + shared

    def _shared_kib(self, pid: int) -> int:
        """Shared memory without a file: mappings of the kernel's own tmpfs, which is neither /tmp nor /dev/shm."""
        total, counting = 0, False
        for line in self._read(f"{pid}/smaps").splitlines():
            first, _, rest = line.partition(b" ")
            if b"-" in first and not first.endswith(b":"):
                counting = self._is_anonymous_share(rest)
            elif counting and first == b"Pss:":
                total += int(rest.split()[0])
        return total

    def _is_anonymous_share(self, rest: bytes) -> bool:
        permissions, _offset, device, inode = rest.split()[:4]
        major, _, minor = device.partition(b":")
        number = os.makedev(int(major, 16), int(minor, 16))
        mounted = number in (self._tmp_device, self._shm_device)
        return permissions.endswith(b"s") and inode != b"0" and major == b"00" and not mounted

    def _is_alive(self, pid: int) -> bool:
        return self._read(f"{pid}/stat").rpartition(b")")[2].lstrip()[:1] not in (b"", b"Z", b"X")

    def _cpu_seconds(self, pid: int, ended: bool = False) -> float:
        fields = self._read(f"{pid}/stat").rpartition(b")")[2].split()
        return sum(map(int, fields[11 : 15 if ended else 13])) / _CLOCK_TICKS


_STATUS_LINE = re.compile(rb"^(RssAnon|RssShmem|VmSwap|VmPTE|Threads):\s+(\d+)", re.MULTILINE)
_MEMORY_LINES = (b"\nRssAnon:", b"\nRssShmem:", b"\nVmSwap:", b"\nVmPTE:")
_STATUS_LINES = {name.encode(): name for name in ("RssAnon", "RssShmem", "VmSwap", "VmPTE", "Threads")}


def _number(text: bytes, name: bytes, end: bytes) -> int:
    """The number in a line of a process' status; 0 without that line. A name of the process' own has no line break in it."""
    _, found, rest = text.partition(name)
    return int(rest[: rest.index(end)]) if found else 0


def _used_bytes(folder: int) -> int:
    values = os.fstatvfs(folder)
    return (values.f_blocks - values.f_bfree) * values.f_frsize


def _fields(text: bytes) -> dict[bytes, int]:
    values = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(b":")
        words = rest.split()
        if colon and len(words) == 2 and words[1] == b"kB":
            values[name] = int(words[0])
    return values
