"""Compiling sources for a deploy: in a blank environment that is thrown away, never in the worker itself."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.environment import Environment
from millrace_worker.host.versions import Version, codes, modules
from millrace_worker.runtime.millrace_runtime import frames
from millrace_worker.runtime.millrace_runtime.check import SOURCE_BYTES_MAX
from millrace_worker.sandbox import ExitInfo

_SECONDS = 10.0
_MEMORY_BYTES = 512 << 20


class Check:
    """One CheckVersion on its way; calls `done` once."""

    version: Version | None = None
    variables = 0

    def __init__(self, request: pb.CheckVersion, done: Callable[[pb.VersionChecked], None]) -> None:
        self._request = request
        self._done: Callable[[pb.VersionChecked], None] | None = done
        self._environment: Environment | None = None
        self._timer = asyncio.get_running_loop().call_later(_SECONDS, self.on_refused, "the check took too long")

    def too_large(self) -> bool:
        """Answers at once when there is more source than is looked at."""
        sources = [*self._request.steps, *self._request.modules]
        if sum(len(one.source) for one in sources) <= SOURCE_BYTES_MAX:
            return False
        self.on_refused(f"the steps have more than {SOURCE_BYTES_MAX} bytes of source together")
        return True

    def on_environment(self, environment: Environment) -> None:
        """An environment was found."""
        if self._done is None:
            environment.kill("the check is over")
            return
        self._environment = environment
        environment.tenant = self
        environment.process.set_limits(dataclasses.replace(environment.process.limits, memory_bytes=_MEMORY_BYTES))
        environment.process.watch()
        environment.send(frames.CHECK, {"steps": codes(self._request.steps), "modules": modules(self._request.modules)})

    def on_refused(self, message: str) -> None:
        """There is no answer."""
        self._finish(pb.VersionChecked(request_id=self._request.request_id, error=message))

    def on_output(self, stream: int, data: bytes) -> None:
        """Compiling prints nothing."""

    def on_frame(self, kind: int, header: dict[str, Any], segments: list[bytes]) -> None:
        """The answer."""
        checked = pb.VersionChecked(request_id=self._request.request_id)
        try:
            for found in header["problems"]:
                checked.problems.add(
                    path=found["path"],
                    name=found["name"],
                    file_name=found["file"],
                    line=found["line"],
                    column=found["column"],
                    message=found["message"],
                )
            checked.python_minor = header["python_minor"]
            for found in header["imports"]:
                checked.imports.add(
                    module=found["module"],
                    name=found["name"],
                    file_name=found["file"],
                    line=found["line"],
                    optional=found["optional"],
                )
            for found in header["requirements"]:
                checked.requirements.add(text=found["text"], file_name=found["file"], line=found["line"])
            for found in header["variables"]:
                checked.variables.add(name=found["name"], file_name=found["file"], line=found["line"])
        except (KeyError, TypeError, ValueError) as error:
            self.on_refused(f"the check failed: {error}")
            return
        self._finish(checked)

    def on_death(self, info: ExitInfo) -> None:
        """The compiler itself died, as it does of some sources."""
        self._environment = None
        self.on_refused(f"a source cannot be compiled: the compiler {info.message}")

    def _finish(self, checked: pb.VersionChecked) -> None:
        done, self._done = self._done, None
        self._timer.cancel()
        environment, self._environment = self._environment, None
        if environment is not None:
            environment.tenant = None
            environment.kill("the check is over")
        if done is not None:
            done(checked)
