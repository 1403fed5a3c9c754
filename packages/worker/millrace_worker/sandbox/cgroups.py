"""Control groups around EEs, of either version, where the machine lets this process make some.

They are the outer wall: they count what the watchdog cannot see (buffers of sockets, page tables of the kernel's own, a /tmp that
is memory too) and they share out processors exactly. The limits that people set stay the watchdog's, whose messages name them.

A group of each worker holds one of each EE. An EE's init joins by writing `0` into descriptors that the worker has opened,
before it gives up its rights: whoever is forked later is born inside, and no other process of the house waits for the kernel.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from .settings import MIB, SandboxSettings

_PERIOD_US = 100_000
_KERNEL_BYTES = 64 * MIB
"""What an EE's sockets, page tables and stacks in the kernel may take beside its own memory and its tmpfs mounts."""
_PREFIX = "millrace-"
_CONTROLLERS = ("memory", "pids", "cpu")


@dataclass(frozen=True)
class Hierarchy:
    """A place where groups can be made, and the controllers that bound something there."""

    folder: Path
    controllers: tuple[str, ...]
    version: int


class Cgroups:
    """The groups of one worker."""

    def __init__(self, hierarchies: list[Hierarchy]) -> None:
        self.hierarchies = hierarchies
        self._name = _own_name()
        self._sweep()

    @property
    def controllers(self) -> tuple[str, ...]:
        """Every controller that is there."""
        return tuple(name for one in self.hierarchies for name in one.controllers)

    def make(self, identity: int) -> Cgroup:
        """The group of one EE, without limits yet."""
        group = Cgroup()
        try:
            for hierarchy in self.hierarchies:
                folder = hierarchy.folder / self._name
                # Another worker may sweep this one's while it is empty.
                folder.mkdir(exist_ok=True)
                if hierarchy.version == 2:
                    _enable(folder, hierarchy.controllers)
                group.add(folder / f"ee-{identity}", hierarchy)
        except OSError:
            group.remove()
            raise
        return group

    def close(self) -> None:
        """Remove what is this worker's; nothing of an EE is left by then."""
        for hierarchy in self.hierarchies:
            _remove_tree(hierarchy.folder / self._name)

    def _sweep(self) -> None:
        """Remove the empty groups of workers that were killed. One that still holds a process cannot be removed."""
        for hierarchy in self.hierarchies:
            for folder in hierarchy.folder.glob(f"{_PREFIX}*-*"):
                pid, _, started = folder.name.removeprefix(_PREFIX).partition("-")
                if not pid.isdecimal() or _start_time(int(pid)) != started:
                    _remove_tree(folder)


class Cgroup:
    """The group of one EE, in as many hierarchies as there are."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[Path, int]] = {}
        self._joining: list[int] = []

    def hold(self, folder: Path, hierarchy: Hierarchy) -> None:
        """Bound this group by what its hierarchy has."""
        for name in hierarchy.controllers:
            self._folders[name] = (folder, hierarchy.version)

    def add(self, folder: Path, hierarchy: Hierarchy) -> None:
        """Make a group, and a way for the EE's init to join it."""
        folder.mkdir()
        self.hold(folder, hierarchy)
        if hierarchy.controllers != ("cpu",):
            self._joining.append(os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))

    @property
    def joining(self) -> list[int]:
        """Descriptors by which a process joins: it writes `0` to each."""
        return list(self._joining)

    def joined(self) -> None:
        """The EE's init has its own copies."""
        for descriptor in self._joining:
            os.close(descriptor)
        self._joining = []

    def bounds(self, controller: str) -> bool:
        """Whether this controller is in force."""
        return controller in self._folders

    def set_memory(self, memory_bytes: int, tmp_bytes: int, shm_bytes: int) -> None:
        """An outer bound: the EE's own memory, both of its tmpfs mounts, and something for the kernel."""
        total = memory_bytes + tmp_bytes + shm_bytes + _KERNEL_BYTES
        self._write("memory", {1: "memory.limit_in_bytes", 2: "memory.max"}, total)

    def set_processes(self, count: int) -> None:
        """Processes and threads together, init included."""
        self._write("pids", {1: "pids.max", 2: "pids.max"}, count)

    def set_cpu(self, millis: int, pid: int) -> None:
        """Processor time in thousandths of one core, for `pid` and what it forks. May wait for the kernel for some 20 ms.

        A hierarchy of the processors alone is joined by those only who have a limit: to be scheduled in groups costs everybody."""
        quota = max(millis * _PERIOD_US // 1000, 1000)
        self._write("cpu", {1: "cpu.cfs_period_us"}, _PERIOD_US)
        self._write("cpu", {1: "cpu.cfs_quota_us", 2: "cpu.max"}, quota, f" {_PERIOD_US}")
        self._write("cpu", {1: "cgroup.procs", 2: "cgroup.procs"}, pid)

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended a process because the group was full."""
        if "memory" not in self._folders:
            return False
        folder, version = self._folders["memory"]
        with contextlib.suppress(OSError, ValueError):
            text = (folder / ("memory.events" if version == 2 else "memory.oom_control")).read_text()
            return int(dict(line.split() for line in text.splitlines()).get("oom_kill", 0)) > 0
        return False

    def remove(self) -> None:
        """Every process of it is gone. A group that the kernel still holds on to is swept later."""
        self.joined()
        for folder in {folder for folder, _ in self._folders.values()}:
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._folders = {}

    def _write(self, controller: str, files: dict[int, str], value: int, rest: str = "") -> None:
        folder, version = self._folders.get(controller, (None, 0))
        if folder is not None and version in files:
            (folder / files[version]).write_text(f"{value}{rest if version == 2 else ''}")


def find_cgroups(settings: SandboxSettings) -> list[Hierarchy]:
    """Where groups can be made here: in the folder of the setting, else in this process's own groups or a delegated one above."""
    if settings.cgroup == "off":
        return []
    mounts, own = _mounts(), _own_groups()
    found = []
    for controllers, root, folder in mounts:
        version = 1 if controllers else 2
        names = [name for name in _CONTROLLERS if name in controllers] if controllers else list(_CONTROLLERS)
        path = own.get(names[0] if version == 1 else "", "") if names else ""
        for candidate in _candidates(settings.cgroup, version, folder, root, path):
            usable = _usable(candidate, version, names)
            if usable:
                found.append(Hierarchy(candidate, usable, version))
                break
    return found


def _candidates(setting: str, version: int, folder: Path, root: str, path: str) -> list[Path]:
    if setting:
        return [folder / setting.lstrip("/")]
    if not path:
        return []
    own = folder / os.path.relpath(path, root) if path.startswith(root) else folder
    delegated = [above for above in own.parents if above.is_relative_to(folder) and _is_delegated(above)] if version == 2 else []
    return [own, *delegated[:1]]


def _is_delegated(folder: Path) -> bool:
    """systemd marks what it has handed over; other folders may be writable and are still its own."""
    for name in ("trusted.delegate", "user.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _own_name() -> str:
    """What this worker's group is called: by its pid, and by when that began, so that no later process is taken for it."""
    return f"{_PREFIX}{os.getpid()}-{_start_time(os.getpid())}"


def _usable(folder: Path, version: int, names: list[str]) -> tuple[str, ...]:
    """The controllers that a group made here has; tried, for nothing else tells for sure."""
    # Under the name that says whose it is: a worker that starts beside this one sweeps what belongs to nobody.
    trial = folder / _own_name()
    try:
        if version == 2:
            _enable(folder, tuple(names))
        trial.mkdir()
    except OSError:
        return ()
    try:
        probes = {
            "memory": ("memory.max", "memory.limit_in_bytes"),
            "pids": ("pids.max",),
            "cpu": ("cpu.max", "cpu.cfs_quota_us"),
        }
        if not os.access(trial / "cgroup.procs", os.W_OK):
            return ()
        return tuple(name for name in names if any(os.access(trial / file, os.W_OK) for file in probes[name]))
    finally:
        trial.rmdir()


def _enable(folder: Path, controllers: tuple[str, ...]) -> None:
    """In version 2 a controller has to be handed down, which a group that holds processes itself refuses."""
    control = folder / "cgroup.subtree_control"
    there = control.read_text().split()
    for name in controllers:
        if name not in there:
            with contextlib.suppress(FileNotFoundError, OSError):
                control.write_text(f"+{name}")


def _mounts() -> list[tuple[list[str], str, Path]]:
    """(controllers, none for version 2; root within the hierarchy; folder) of each mounted hierarchy."""
    found = []
    with open("/proc/self/mountinfo") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            words, kinds = before.split(), after.split()
            if kinds[0] == "cgroup2":
                found.append(([], words[3], Path(words[4])))
            elif kinds[0] == "cgroup":
                options = [name for name in kinds[2].split(",") if name in _CONTROLLERS]
                if options:
                    found.append((options, words[3], Path(words[4])))
    return found


def _own_groups() -> dict[str, str]:
    """This process's group by controller; by the empty name, the one of version 2."""
    groups = {}
    with open("/proc/self/cgroup") as file:
        for line in file:
            _, names, path = line.rstrip("\n").split(":", 2)
            groups.update(dict.fromkeys(names.split(","), path))
    return groups


def _start_time(pid: int) -> str:
    """When a process was started, in the kernel's ticks: with its number it names one process for ever."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _remove_tree(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for child in folder.iterdir():
            if child.is_dir():
                with contextlib.suppress(OSError):
                    child.rmdir()
        folder.rmdir()
