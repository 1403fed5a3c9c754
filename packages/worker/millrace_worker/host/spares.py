"""Environments that are made ready for the next run of a version before anybody asks for it.

What takes long in a cold start are a version's imports: a second environment of a version that imports pandas would be some 400 ms late. So
one is kept ahead: a blank environment is bound to the version and imports what an earlier one has imported, but for the
author's own code. It then waits, frozen, for the first run that finds no warm environment idle.

This is bounded in number and memory, and for those only who have a use for it: versions with packages, that ran a short time
ago. One that was kept in vain is not made again until a run of its version has found every other environment busy.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from millrace_worker.host.bounds import Bounds
from millrace_worker.host.environment import Environment
from millrace_worker.host.versions import Version

#: Fewer modules than this are imported as fast as anybody could prepare for it.
MODULES_MIN = 20
MODULES_MAX = 5_000
_NAME_MAX = 200
_NAMES_CHARACTERS_MAX = 1 << 18
# What is known of a version is a list of names: some 15 KB for large packages.
_VERSIONS_MAX = 64


@dataclass
class Imports:
    """What an environment of a version has imported, and what it had set meanwhile."""

    version: Version
    modules: list[str]
    #: Generation of the environment variables, and their values: modules may read them as they are imported.
    variables: int
    values: dict[str, str]
    memory_bytes: int
    #: When a run of it last had a use for one, or might have had.
    asked_at: float
    #: Whether the last one was of use, as far as that is known.
    wanted: bool = True
    #: Whether the last one has ended by itself.
    failed: bool = False


class Spares:
    """Which versions deserve one, and those that there are."""

    def __init__(self) -> None:
        # In the order in which they were wanted: the last one first of all.
        self._imports: OrderedDict[str, Imports] = OrderedDict()
        # In the order in which they were made: the first is the one to give up.
        self._made: dict[Environment, Imports] = {}

    def __contains__(self, environment: object) -> bool:
        return environment in self._made

    def __iter__(self) -> Iterator[Environment]:
        return iter(list(self._made))

    def learn(self, environment: Environment, modules: Any) -> bool:
        """An environment has said what it has imported so far; tells whether that is worth a spare one."""
        version = environment.version
        if version is None or not version.packages or not _are_names(modules) or len(modules) < MODULES_MIN:
            return False
        known = self._imports.get(version.version_id)
        if known is None or known.version is not version:
            now = time.monotonic()
            known = Imports(version, modules, environment.variables, environment.values, environment.memory_bytes, now)
            self._imports[version.version_id] = known
            if len(self._imports) > _VERSIONS_MAX:
                self._imports.popitem(last=False)
            return True
        if len(modules) > len(known.modules):
            known.modules = modules
        known.variables, known.values = environment.variables, environment.values
        known.memory_bytes = max(known.memory_bytes, environment.memory_bytes)
        return known.wanted

    def missed(self, version: Version) -> bool:
        """A run of the version has found no warm environment; tells whether it should not happen to the next."""
        known = self._imports.get(version.version_id)
        if known is None:
            return False
        known.wanted, known.asked_at = True, time.monotonic()
        self._imports.move_to_end(version.version_id)
        return not known.failed

    def take(self, version: Version, variables: int) -> Environment | None:
        """One of the version, ready or nearly so."""
        for environment in self._made:
            if environment.version is version and environment.variables == variables:
                del self._made[environment]
                return environment
        return None

    def outdated(self, version: Version, variables: int) -> list[Environment]:
        """Those of the version that its runs cannot use any more."""
        return [
            environment
            for environment in self._made
            if environment.version is not None
            and environment.version.version_id == version.version_id
            and not (environment.version is version and environment.variables == variables)
        ]

    def next(self) -> Imports | None:
        """Whose turn it is to get one: of those that want one, who asked last."""
        served = {id(imports) for imports in self._made.values()}
        for imports in reversed(self._imports.values()):
            if imports.wanted and not imports.failed and id(imports) not in served:
                return imports
        return None

    def excess(self, imports: Imports, bounds: Bounds) -> list[Environment] | None:
        """Which ones have to go so that there is room for one more; None when it would be too large by itself."""
        if bounds.spare_environments == 0 or imports.memory_bytes > bounds.spare_memory_bytes:
            return None
        staying = list(self._made)
        total = imports.memory_bytes + sum(self.memory_of(environment) for environment in staying)
        going = []
        while len(staying) >= bounds.spare_environments or total > bounds.spare_memory_bytes:
            going.append(staying.pop(0))
            total -= self.memory_of(going[-1])
        return going

    def memory_of(self, environment: Environment) -> int:
        """What one takes; before it has said it, what another of its version took."""
        return environment.memory_bytes if environment.prepared else self._made[environment].memory_bytes

    def add(self, environment: Environment, imports: Imports) -> None:
        """One is being made."""
        self._made[environment] = imports

    def first(self) -> Environment | None:
        """The one to give up first."""
        return next(iter(self._made), None)

    def discard(self, environment: Environment) -> None:
        """It was told to end. None is made in its place before somebody misses it: versions would take places from each other for
        ever."""
        if imports := self._made.pop(environment, None):
            imports.wanted = False

    def failed(self, environment: Environment) -> None:
        """It is no more, by itself: none of this version is made again."""
        if imports := self._made.pop(environment, None):
            imports.failed = True

    def unused(self, idle_seconds: float) -> list[Environment]:
        """Those that nobody has wanted for so long."""
        before = time.monotonic() - idle_seconds
        return [environment for environment, imports in self._made.items() if imports.asked_at < before]

    def forget(self, version_id: str) -> list[Environment]:
        """The version is gone."""
        self._imports.pop(version_id, None)
        return [one for one in self._made if one.version is not None and one.version.version_id == version_id]

    def ready_versions(self) -> list[str]:
        """The version of each one that is ready."""
        return [one.version.version_id for one in self._made if one.prepared and one.version is not None]


def _are_names(modules: Any) -> bool:
    """User code may have written them: they are given to environments of its own version alone, but their size is the worker's."""
    return (
        isinstance(modules, list)
        and len(modules) <= MODULES_MAX
        and all(isinstance(name, str) and 0 < len(name) <= _NAME_MAX for name in modules)
        and sum(map(len, modules)) <= _NAMES_CHARACTERS_MAX
    )
