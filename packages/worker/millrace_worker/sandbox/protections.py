"""What protects beyond what the sandbox cannot do without: which of it is on here, and how to get the rest."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from . import bubblewrap
from .cgroups import find_cgroups
from .machine import MachineMemory, default_reserve
from .network import find_tools
from .settings import MIB, Check, SandboxSettings, SandboxUnavailable

_GROUPS_REMEDY = (
    "The watchdog bounds memory, processes and processors without them, a little later and without what the kernel holds. To have "
    "them: start the house as root; or by systemd with Delegate=yes and DelegateSubgroup=supervisor in its unit; in Docker as root with "
    "--cgroupns=private and a writable /sys/fs/cgroup; or name a folder of your own with MILLRACE_SANDBOX_CGROUP."
)
_SHM_LEAST = 64 * MIB


def find_protections(settings: SandboxSettings) -> list[Check]:
    """Each as a check that is not needed: a runner starts without it."""
    return [
        _groups(settings),
        _network(settings),
        _abstract_sockets(),
        _uids(settings),
        _reserve(settings),
        _shm(),
    ]


def _optional(name: str, ok: bool, detail: str, remedy: str) -> Check:
    return Check(name, ok, detail, "" if ok else remedy, needed=False)


def _groups(settings: SandboxSettings) -> Check:
    found = find_cgroups(settings)
    bounded = sorted(name for one in found for name in one.controllers)
    versions = " and ".join(sorted({str(one.version) for one in found}))
    if not found:
        return _optional("control groups", False, "none can be made here", _GROUPS_REMEDY)
    missing = {"cpu", "memory", "pids"} - set(bounded)
    detail = f"version {versions}: {', '.join(bounded)}"
    return _optional("control groups", not missing, detail, f"Not bounded: {', '.join(sorted(missing))}. {_GROUPS_REMEDY}")


def _network(settings: SandboxSettings) -> Check:
    try:
        tools = find_tools(settings)
    except SandboxUnavailable as error:
        return _optional("network mode internet", False, error.cause, error.remedy)
    return _optional("network mode internet", True, f"can be had ({tools.slirp4netns}, {tools.nft})", "")


def _abstract_sockets() -> Check:
    major, minor = (int(number) for number in re.findall(r"\d+", platform.release())[:2])
    ok = (major, minor) >= (6, 12) and _has_landlock()
    detail = "closed" if ok else f"open to environments with the host's network on Linux {platform.release()}"
    return _optional("abstract sockets", ok, detail, "Use Linux 6.12 or later with Landlock, or another network mode than open.")


def _has_landlock() -> bool:
    try:
        return "landlock" in Path("/sys/kernel/security/lsm").read_text()
    except OSError:
        return True  # That list cannot be read everywhere; whether it is in force, starting an EE tells.


def _uids(settings: SandboxSettings) -> Check:
    if bubblewrap.is_root():
        last = settings.uid_base + settings.uid_count - 1
        return _optional("uids", True, f"each environment has one of its own, of {settings.uid_base} to {last}", "")
    remedy = "Start the house as root: then each environment has a user of its own on the machine, too."
    return _optional("uids", False, f"environments share uid {os.getuid()} on the machine, apart by namespaces", remedy)


def _reserve(settings: SandboxSettings) -> Check:
    memory = MachineMemory()
    try:
        reserve = settings.machine_reserve_bytes or default_reserve(memory.total_bytes)
        left = memory.available_bytes()
    finally:
        memory.close()
    detail = f"{left // MIB} MiB are left; below {reserve // MIB} MiB the environment that holds most is ended"
    return _optional(
        "machine's memory", left > reserve, detail, "Free some memory, or lower MILLRACE_SANDBOX_MACHINE_RESERVE_BYTES."
    )


def _shm() -> Check:
    try:
        values = os.statvfs("/dev/shm")
    except OSError:
        return _optional("/dev/shm", False, "not there", "Mount a tmpfs at /dev/shm; Postgres on this machine wants it.")
    size = values.f_blocks * values.f_frsize
    detail = f"{size // MIB} MiB; each environment has one of its own"
    return _optional("/dev/shm", size >= _SHM_LEAST, detail, "Make it larger: --shm-size=256m in Docker.")
