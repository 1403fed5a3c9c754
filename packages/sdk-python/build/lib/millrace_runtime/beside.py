"""Imports of modules beside the steps, whose text came with the version and is in no file.

They stand in the search path behind Python's own modules and before packages: as in a folder of scripts, `utils.py` hides a
package of that name; other than there, `email.py` does not hide Python's `email`.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, ModuleType

#: What entries of the search path begin with; no folder is called so.
ENTRY = "<workflow>"


class _Source:
    """Loads one module."""

    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._source = source

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        """Python's own way."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Runs the text."""
        module.__file__ = self._path
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, _name: str) -> CodeType:
        """Compiled under the path that people know it by."""
        return compile(self._source, self._path, "exec", dont_inherit=True)

    def get_source(self, _name: str) -> str:
        """For tracebacks."""
        return self._source


class _Folder:
    """Finds modules in one folder of the version's."""

    def __init__(self, sources: dict[str, str], folders: set[str], prefix: str) -> None:
        self._sources = sources
        self._folders = folders
        self._prefix = prefix

    def find_spec(self, name: str, _target: ModuleType | None = None) -> ModuleSpec | None:
        """The module of that name, a package or a single file."""
        path = self._prefix + name.rpartition(".")[2]
        for file, is_package in ((f"{path}/__init__.py", True), (f"{path}.py", False)):
            if file in self._sources:
                loader = _Source(file, self._sources[file])
                spec = spec_from_loader(name, loader, origin=file, is_package=is_package)  # type: ignore[arg-type]
                if spec is not None and is_package:
                    spec.submodule_search_locations = [f"{ENTRY}/{path}/"]
                return spec
        if path not in self._folders:
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [f"{ENTRY}/{path}/"]
        return spec

    def invalidate_caches(self) -> None:
        """Nothing changes."""


def roots_of(step_files: Iterable[str]) -> list[str]:
    """Folders that imports are looked up in: the workflow's own, then those of its steps."""
    return list(dict.fromkeys(["", *(file.rpartition("/")[0] for file in step_files)]))


def find_modules_in(sources: dict[str, str], step_files: Iterable[str]) -> None:
    """Makes the modules importable."""
    folders = {path[:end] for path in sources for end in range(len(path)) if path[end] == "/"}

    def open_folder(entry: str) -> _Folder:
        if not entry.startswith(f"{ENTRY}/"):
            raise ImportError(entry)
        return _Folder(sources, folders, entry[len(ENTRY) + 1 :])

    sys.path_hooks.insert(0, open_folder)
    sys.path += [f"{ENTRY}/{root}/" if root else f"{ENTRY}/" for root in roots_of(step_files)]
