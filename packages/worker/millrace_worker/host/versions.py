"""Versions that the runner has made known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.bounds import MEMORY_BYTES, STEP_SECONDS, seconds


@dataclass(frozen=True)
class Version:
    """The steps of a version and its bounds."""

    version_id: str
    steps: tuple[pb.StepCode, ...]
    memory_bytes: int
    step_seconds: float
    index_by_path: dict[str, int]

    def codes(self) -> list[dict[str, Any]]:
        """The steps as an environment takes them."""
        return codes(self.steps)


def codes(steps: Any) -> list[dict[str, Any]]:
    """Step sources as a frame carries them."""
    return [{"path": step.path, "name": step.name, "file_name": step.file_name, "source": step.source} for step in steps]


def version_from(message: pb.LoadVersion) -> Version:
    """Reads the runner's message."""
    steps = tuple(message.steps)
    return Version(
        version_id=message.version_id,
        steps=steps,
        memory_bytes=message.memory_bytes or MEMORY_BYTES,
        step_seconds=seconds(message.step_timeout) or STEP_SECONDS,
        index_by_path={step.path: index for index, step in enumerate(steps)},
    )
