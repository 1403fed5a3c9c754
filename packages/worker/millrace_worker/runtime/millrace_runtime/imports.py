"""Finds what sources import and which variables they read, by parsing them: nothing of them is executed.

Looks at the steps and at those modules beside them that they reach, so that a file that nobody imports asks for nothing.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize

from millrace_runtime.variable_reads import variables_read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

IMPORTS_MAX = 5000
VARIABLES_MAX = 2000
VARIABLE_NAME_MAX = 128
REQUIREMENTS_MAX = 500
_ADD_PACKAGE = re.compile(r"#\s*(?:pipedream|millrace)\s+add-package\b[ \t]*(.*)", re.IGNORECASE)
_ABOUT_THE_MACHINE = frozenset({"TYPE_CHECKING", "platform", "version_info", "name", "implementation"})


class Finder:
    """What the steps and the modules that they reach import."""

    def __init__(self, modules: list[dict[str, str]], roots: list[str]) -> None:
        self._sources = {module["path"]: module["source"] for module in modules}
        self._folders = {parent for path in self._sources for parent in parents(path)}
        self._roots = roots
        self._seen: set[str] = set()
        self._waiting: list[str] = []
        self._found: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.requirements: list[dict[str, Any]] = []
        #: Environment variables that are read, each once for each file.
        self.variables: list[dict[str, Any]] = []
        #: Modules that were reached, in the order in which they were.
        self.reached: list[str] = []

    @property
    def imports(self) -> list[dict[str, Any]]:
        """What comes from elsewhere, each once for each file."""
        return sorted(self._found.values(), key=lambda found: found["line"])[:IMPORTS_MAX]

    def look_at(self, file_name: str, source: str) -> None:
        """Looks at a step, then at what it reaches."""
        self._parse(file_name, source, package=None)
        while self._waiting:
            path = self._waiting.pop()
            self.reached.append(path)
            self._parse(path, self._sources[path], package=_package_of(path))

    def _parse(self, file_name: str, source: str, package: str | None) -> None:
        try:
            tree = ast.parse(source, file_name)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return  # The compiler has said so already.
        self._walk(tree, file_name, package)
        self._read_variables(tree, file_name)
        self._read_comments(file_name, source)

    def _walk(self, tree: ast.AST, file_name: str, package: str | None) -> None:
        waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
        while waiting:
            node, optional = waiting.pop()
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._add(alias.name, "", file_name, node.lineno, optional)
            elif isinstance(node, ast.ImportFrom):
                module = _absolute(node, package)
                if module:
                    for alias in node.names:
                        name = "" if alias.name == "*" else alias.name
                        self._add(module, name, file_name, node.lineno, optional)
            elif isinstance(node, (ast.Try, ast.TryStar)):
                waiting += [(child, True) for child in [*node.body, *node.handlers]]
                waiting += [(child, optional) for child in [*node.orelse, *node.finalbody]]
            elif isinstance(node, ast.If) and _is_about_the_machine(node.test):
                waiting += [(child, True) for child in [*node.body, *node.orelse]]
            else:
                waiting += [(child, optional) for child in ast.iter_child_nodes(node)]

    def _read_variables(self, tree: ast.Module, file_name: str) -> None:
        for name, line in variables_read(tree).items():
            if len(name) <= VARIABLE_NAME_MAX and len(self.variables) < VARIABLES_MAX:
                self.variables.append({"name": name, "file": file_name, "line": line})

    def _add(self, module: str, name: str, file_name: str, line: int, optional: bool) -> None:
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names:
            return
        if self._reach(module, name):
            return
        known = self._found.get((file_name, module, name))
        if known is not None:
            known["optional"] = known["optional"] and optional
            return
        self._found[file_name, module, name] = {
            "module": module,
            "name": name,
            "file": file_name,
            "line": line,
            "optional": optional,
        }

    def _reach(self, module: str, name: str) -> bool:
        """Whether it is a module beside the steps; then its file and those of its parents are looked at as well."""
        for root in self._roots:
            prefix = f"{root}/" if root else ""
            parts = module.split(".")
            if not self._is_module(prefix + parts[0]):
                continue
            path = prefix
            for part in [*parts, *([name] if name else [])]:
                self._queue(f"{path}{part}.py")
                self._queue(f"{path}{part}/__init__.py")
                path = f"{path}{part}/"
            return True
        return False

    def _is_module(self, path: str) -> bool:
        return f"{path}.py" in self._sources or path in self._folders

    def _queue(self, path: str) -> None:
        if path in self._sources and path not in self._seen:
            self._seen.add(path)
            self._waiting.append(path)

    def _read_comments(self, file_name: str, source: str) -> None:
        if "add-package" not in source:
            return
        try:
            for token in tokenize.generate_tokens(io.StringIO(source).readline):
                match = _ADD_PACKAGE.match(token.string) if token.type == tokenize.COMMENT else None
                if match and len(self.requirements) < REQUIREMENTS_MAX:
                    text = match[1].strip()[:1000]
                    self.requirements.append({"text": text, "file": file_name, "line": token.start[0]})
        except (tokenize.TokenError, SyntaxError):
            return


def parents(path: str) -> list[str]:
    """`a` and `a/b` of `a/b/c.py`."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: length + 1]) for length in range(len(parts))]


def _package_of(path: str) -> str:
    """The package that relative imports of a module start from."""
    return path.rpartition("/")[0].replace("/", ".")


def _absolute(node: ast.ImportFrom, package: str | None) -> str | None:
    if not node.level:
        return node.module
    if package is None:
        return None  # A step is no part of a package; running it says so.
    parts = package.split(".") if package else []
    above = parts[: len(parts) - (node.level - 1)]
    return ".".join([*above, *([node.module] if node.module else [])]) or None


def _is_about_the_machine(test: ast.expr) -> bool:
    """`TYPE_CHECKING`, `sys.platform == …`, `os.name == …`, `sys.version_info < …`."""
    return any(
        (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING")
        or (
            isinstance(node, ast.Attribute)
            and node.attr in _ABOUT_THE_MACHINE
            and isinstance(node.value, ast.Name)
            and node.value.id in ("typing", "t", "sys", "os")
        )
        for node in ast.walk(test)
    )
