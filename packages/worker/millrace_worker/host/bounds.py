"""Bounds of a worker: the runner's `Configure` over the defaults of the contract."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration

from millrace_worker.generated import session_pb2 as pb

_MIB = 1 << 20
SandboxValue = int | str | tuple[str, ...]
MEMORY_BYTES = 256 * _MIB
STEP_SECONDS = 30.0


@dataclass(frozen=True)
class Bounds:
    """What `Configure` says, with its defaults filled in."""

    environments_max: int = 16
    blank_environments: int = 2
    #: Environments kept ahead for versions whose imports take long, and their memory together.
    spare_environments: int = 2
    spare_memory_bytes: int = 512 * _MIB
    #: Runs that may stand behind the one that has an environment, when its version's steps are short; 0: none.
    runs_behind_max: int = 16
    idle_seconds: float = 600.0
    lifetime_seconds: float = 3600.0
    log_bytes_max: int = _MIB
    result_bytes_max: int = _MIB
    tmp_saved_bytes: int = 16 * _MIB
    #: What the runner says about sandboxes, by the names of their settings; the rest is up to the worker's environment.
    sandbox: tuple[tuple[str, SandboxValue], ...] = ()


def seconds(duration: Duration) -> float:
    """A duration as a number."""
    return float(duration.seconds + duration.nanos * 1e-9)


def bounds_from(configure: pb.Configure) -> Bounds:
    """Reads the runner's message."""
    default = Bounds()
    return Bounds(
        environments_max=configure.environments_max or default.environments_max,
        blank_environments=configure.blank_environments or default.blank_environments,
        spare_environments=configure.spare_environments
        if configure.HasField("spare_environments")
        else default.spare_environments,
        spare_memory_bytes=configure.spare_memory_bytes or default.spare_memory_bytes,
        runs_behind_max=configure.runs_behind_max if configure.HasField("runs_behind_max") else default.runs_behind_max,
        idle_seconds=seconds(configure.idle_timeout) or default.idle_seconds,
        lifetime_seconds=seconds(configure.lifetime_max) or default.lifetime_seconds,
        log_bytes_max=configure.log_bytes_max or default.log_bytes_max,
        result_bytes_max=configure.result_bytes_max or default.result_bytes_max,
        tmp_saved_bytes=configure.tmp_saved_bytes_max if configure.HasField("tmp_saved_bytes_max") else default.tmp_saved_bytes,
        sandbox=_sandbox(configure),
    )


def _sandbox(configure: pb.Configure) -> tuple[tuple[str, SandboxValue], ...]:
    networks = {pb.NETWORK_MODE_OPEN: "open", pb.NETWORK_MODE_NONE: "none", pb.NETWORK_MODE_INTERNET: "internet"}
    said: dict[str, SandboxValue] = {
        "tmp_bytes": configure.tmp_bytes,
        "process_limit": configure.processes_max,
        "network": networks.get(configure.network, ""),
        "network_allow": tuple(configure.network_allow),
        "network_deny": tuple(configure.network_deny),
    }
    return tuple((name, value) for name, value in said.items() if value)
