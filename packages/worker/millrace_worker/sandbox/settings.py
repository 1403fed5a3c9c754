"""What a sandbox is made of: its bounds, its mounts, and the error that says why there is none."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024
GIB = 1024 * MIB
LOWEST_OPEN_FILES = 1010

UNSAFE_VARIABLE = "MILLRACE_UNSAFE_RUN_USER_CODE_WITHOUT_SANDBOX"
UNSAFE_CONSENT = "yes-i-understand"
PACKAGES = "/millrace/packages"
NETWORKS = ("open", "internet", "none")
PROCESSES_MAX = 4096
_RANGES_MAX = 1000
"""The rules of a network are handed over in one write to a pipe."""


@dataclass(frozen=True)
class Check:
    """One thing the sandbox needs from the machine, and what to do when it is not there."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True
    """Whether the sandbox cannot do without it; otherwise it is one more wall."""


class SandboxUnavailable(Exception):
    """The sandbox cannot work here. `cause` says why, `remedy` what the operator can do about it."""

    reason = "SANDBOX_UNAVAILABLE"

    def __init__(self, cause: str, remedy: str = "", checks: tuple[Check, ...] = ()) -> None:
        super().__init__(f"{cause} {remedy}".strip())
        self.cause = cause
        self.remedy = remedy
        self.checks = checks


class InvalidSandboxSetting(ValueError):
    """A setting is out of its range; `problems` names every one that is, not only the first."""

    reason = "INVALID_SETTING"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class SandboxSettings:
    """The bounds of one execution environment. Sizes are bytes."""

    runtime_dir: Path
    """The folder with the runtime's `__main__.py`; bound read-only at /millrace/runtime."""
    python: Path = field(default_factory=lambda: Path(getattr(sys, "_base_executable", sys.executable)))
    """The interpreter that runs inside."""
    python_prefix: Path | None = None
    """What of the interpreter is bound, at the same path. Default: the prefix `python` reports about itself."""
    read_only_binds: tuple[tuple[Path, str], ...] = ()
    """Further folders or files: (source here, destination in the sandbox)."""
    package_sets: Path | None = None
    """The folder with all package sets; bound read-only at /millrace/packages, where its names cannot be listed."""
    work_dir: Path | None = None
    """A folder of the host that is writable inside, at /millrace/work, and given to the EE's uid. None: there is none."""
    network: str = "open"
    """`open`: the host's network. `none`: a network namespace of its own with nothing but loopback. `internet`: one from which
    public addresses can be reached."""
    network_allow: tuple[str, ...] = ()
    """With `internet`: ranges beyond the public ones that can be reached too."""
    network_deny: tuple[str, ...] = ()
    """With `internet`: ranges that cannot be reached, whatever else is allowed."""
    slirp4netns: Path | None = None
    nft: Path | None = None
    cgroup: str = ""
    """Where groups are made, below the mount of each hierarchy. Default: this process's own or a delegated one; `off`: none."""
    memory_limit_bytes: int = 256 * MIB
    """All processes of an EE together, the interpreter's own some 10 MB included, /tmp not. 32 MiB to 1 TiB."""
    data_limit_bytes: int = 64 * GIB
    """RLIMIT_DATA of each process: a backstop that turns one absurd allocation into a MemoryError."""
    process_limit: int = 64
    """Processes and threads of an EE together, its init included. 4 to 4096."""
    open_files_limit: int = 1024
    """RLIMIT_NOFILE. At least 1010, because the control channel sits at 1000 and 1001."""
    open_files_total: int = 4096
    """Of all processes together. Buffers of sockets are kernel memory, some 0.4 MB for each at most, that nothing counts."""
    tmp_bytes: int = 2 * GIB
    tmp_inodes: int = 65_536
    """An inode costs about 1 KiB of kernel memory that no limit of the EE counts, hence a bound of its own."""
    shm_bytes: int = 64 * MIB
    machine_reserve_bytes: int = 0
    """When the machine has less left, the EE that holds most is ended. 0: a twentieth, between 128 MiB and 1 GiB."""
    uid_base: int = 200_000
    """First uid for EEs of a house that root started. Must lie above the machine's own users."""
    uid_count: int = 65_536
    uid_lock_dir: Path = Path("/run/millrace/uids")
    """Workers on one machine share the uid range by locks in this folder (root only)."""
    bwrap: Path | None = None
    """bubblewrap; default: the one on PATH."""
    start_timeout_s: float = 20.0
    """How long a start may take before it counts as failed."""
    freeze_after_s: float = 0.5
    """How long after a run an EE may still move before it is stopped until its next run."""
    unsafe: bool = False
    """No sandbox at all. Only by the setting with the frightening name."""

    def __post_init__(self) -> None:
        bounds = {
            "memory_limit_bytes": (32 * MIB, 1024 * GIB),
            "data_limit_bytes": (128 * MIB, 1 << 50),
            "process_limit": (4, PROCESSES_MAX),
            "open_files_limit": (LOWEST_OPEN_FILES, 1 << 20),
            "open_files_total": (LOWEST_OPEN_FILES, 1 << 24),
            "tmp_bytes": (MIB, 1 << 50),
            "tmp_inodes": (64, 1 << 30),
            "shm_bytes": (4096, 1 << 40),
            "machine_reserve_bytes": (0, 1 << 50),
            "uid_base": (1000, 1 << 31),
            "uid_count": (256, 1 << 24),
            "start_timeout_s": (1, 600),
            "freeze_after_s": (0, 600),
        }
        problems = [
            f"{name} is {getattr(self, name)}, must be between {low} and {high}"
            for name, (low, high) in bounds.items()
            if not low <= getattr(self, name) <= high
        ]
        if self.network not in NETWORKS:
            problems.append(f"network is {self.network!r}, must be one of {', '.join(NETWORKS)}")
        ranges = (*self.network_allow, *self.network_deny)
        problems += [problem for one in ranges if (problem := _problem_of_range(one))]
        if len(ranges) > _RANGES_MAX:
            problems.append(f"{len(ranges)} ranges of addresses are allowed or denied, more than {_RANGES_MAX}")
        if problems:
            raise InvalidSandboxSetting(problems)

    @classmethod
    def from_env(cls, env: Mapping[str, str], runtime_dir: Path, **overrides: object) -> SandboxSettings:
        """Settings from `MILLRACE_SANDBOX_<FIELD IN CAPITALS>`, e.g. MILLRACE_SANDBOX_NETWORK=none; all errors at once."""
        values: dict[str, object] = {"runtime_dir": runtime_dir}
        problems: list[str] = []
        for name in _INTEGERS:
            number = env.get(f"MILLRACE_SANDBOX_{name.upper()}", "")
            if number.isdecimal():
                values[name] = int(number)
            elif number:
                problems.append(f"MILLRACE_SANDBOX_{name.upper()} is {number!r}, must be a whole number")
        for name in ("python", "python_prefix", "bwrap", "uid_lock_dir", "package_sets", "slirp4netns", "nft"):
            if text := env.get(f"MILLRACE_SANDBOX_{name.upper()}"):
                values[name] = Path(text)
        for name in ("network", "cgroup"):
            if text := env.get(f"MILLRACE_SANDBOX_{name.upper()}"):
                values[name] = text
        for name in ("network_allow", "network_deny"):
            if text := env.get(f"MILLRACE_SANDBOX_{name.upper()}"):
                values[name] = tuple(text.split(","))
        unsafe = env.get(UNSAFE_VARIABLE, "")
        if unsafe and unsafe != UNSAFE_CONSENT:
            problems.append(f"{UNSAFE_VARIABLE} is {unsafe!r}; the only value it takes is {UNSAFE_CONSENT!r}")
        values["unsafe"] = unsafe == UNSAFE_CONSENT
        if problems:
            raise InvalidSandboxSetting(problems)
        return cls(**{**values, **overrides})  # type: ignore[arg-type]

    @property
    def package_sets_inside(self) -> str:
        """Where an EE finds the package sets."""
        return str(self.package_sets) if self.unsafe else PACKAGES

    def find_bwrap(self) -> Path | None:
        """The bubblewrap to use, or None when there is none."""
        if self.bwrap is not None:
            return self.bwrap if os.access(self.bwrap, os.X_OK) else None
        for folder in (*os.environ.get("PATH", "").split(":"), "/usr/bin", "/usr/local/bin", "/bin"):
            candidate = Path(folder or ".", "bwrap")
            if os.access(candidate, os.X_OK):
                return candidate
        return None


def _problem_of_range(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        return f"a range of addresses is {text!r}: {error}"
    return ""


_INTEGERS = (
    "memory_limit_bytes",
    "data_limit_bytes",
    "process_limit",
    "open_files_limit",
    "open_files_total",
    "tmp_bytes",
    "tmp_inodes",
    "shm_bytes",
    "machine_reserve_bytes",
    "uid_base",
    "uid_count",
)
