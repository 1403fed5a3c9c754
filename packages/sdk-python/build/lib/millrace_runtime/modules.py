"""Loads a step's source as a module of its own."""

from __future__ import annotations

import re
import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PREFIX = "millrace_steps"


class Step:
    """One step of the bound version, and its module once it is loaded."""

    def __init__(self, code: dict[str, Any], file_name: str) -> None:
        self.path: str = code["path"]
        self.name: str = code["name"]
        self.source: str = code["source"]
        #: Name, kind and target of each of its inputs.
        self.inputs: list[tuple[str, str, str]] = code.get("inputs", [])
        self.file_name = file_name
        # No name that user code would import: a step called `code` hides nothing.
        self.module_name = f"{PREFIX}.{re.sub(r'[^0-9A-Za-z_]', '_', self.name)}"
        self.module: ModuleType | None = None
        self.loaded_once = False

    def get_source(self, _name: str) -> str:
        """As the `__loader__` of its module a step lets tracebacks show its source, which is in no file."""
        return self.source

    def load(self) -> ModuleType:
        """Executes the source in a new module, which stays when it defines a handler."""
        code = compile(self.source, self.file_name, "exec", dont_inherit=True)
        module = ModuleType(self.module_name)
        module.__file__ = self.file_name
        module.__loader__ = self  # type: ignore[assignment]
        sys.modules[self.module_name] = module
        exec(code, module.__dict__)
        if callable(module.__dict__.get("handler")):
            self.module = module
        return module


def make_steps(codes: list[dict[str, Any]]) -> list[Step]:
    """Steps of a version; each gets a file name of its own, so that no traceback shows another's lines."""
    sys.modules.setdefault(PREFIX, ModuleType(PREFIX))
    taken: set[str] = set()
    steps = []
    for code in codes:
        file_name = code.get("file_name") or f"{code['name']}.py"
        if file_name in taken:
            file_name = f"{code['path']}/{file_name}"
        taken.add(file_name)
        steps.append(Step(code, file_name))
    return steps
