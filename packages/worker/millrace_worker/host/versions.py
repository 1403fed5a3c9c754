"""Versions that the runner has made known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.bounds import MEMORY_BYTES, STEP_SECONDS, seconds
from millrace_worker.sandbox import Limits


@dataclass(frozen=True)
class Version:
    """The steps of a version and its bounds."""

    version_id: str
    steps: tuple[pb.StepCode, ...]
    memory_bytes: int
    #: Time limit of each step.
    step_seconds: tuple[float, ...]
    index_by_path: dict[str, int]
    #: Its own limits; 0 is the pool's.
    tmp_bytes: int = 0
    cpu_millis: int = 0
    processes_max: int = 0
    log_bytes_max: int = 0
    #: Modules beside the steps: text by path.
    modules: dict[str, str] = field(default_factory=dict)
    #: Name of its package set's folder; empty when it has none.
    packages: str = ""

    def limits(self, pool: Limits) -> Limits:
        """Those of an environment of it, over those that a blank one has."""
        return Limits(
            memory_bytes=self.memory_bytes,
            tmp_bytes=self.tmp_bytes or pool.tmp_bytes,
            processes=self.processes_max or pool.processes,
            cpu_millis=self.cpu_millis,
        )

    def codes(self) -> list[dict[str, Any]]:
        """The steps as an environment takes them."""
        return codes(self.steps)


def codes(steps: Any) -> list[dict[str, Any]]:
    """Step sources as a frame carries them."""
    return [
        {
            "path": step.path,
            "name": step.name,
            "file_name": step.file_name,
            "source": step.source,
            "inputs": [(one.name, one.kind, one.target) for one in step.inputs],
        }
        for step in steps
    ]


def modules(sources: Any) -> list[dict[str, str]]:
    """Modules beside the steps as a frame carries them."""
    return [{"path": one.path, "source": one.source} for one in sources]


def version_from(message: pb.LoadVersion) -> Version:
    """Reads the runner's message."""
    steps = tuple(message.steps)
    usual = seconds(message.step_timeout) or STEP_SECONDS
    return Version(
        version_id=message.version_id,
        steps=steps,
        memory_bytes=message.memory_bytes or MEMORY_BYTES,
        step_seconds=tuple(seconds(step.timeout) or usual for step in steps),
        index_by_path={step.path: index for index, step in enumerate(steps)},
        tmp_bytes=message.limits.tmp_bytes,
        cpu_millis=message.limits.cpu_millis,
        processes_max=message.limits.processes_max,
        log_bytes_max=message.limits.log_bytes_max,
        modules={module.path: module.source for module in message.modules},
        packages=message.packages.folder,
    )
