"""Finds which environment variables a source reads by a name that stands in the code.

`os.environ["A"]`, `os.environ.get("A")`, `os.getenv("A")`, `"A" in os.environ`, also by other names of these and with the name in
a constant of the module. What is put together while the code runs cannot be seen.
"""

from __future__ import annotations

import ast

_READERS = frozenset({"get", "pop", "setdefault", "__getitem__"})


def variables_read(tree: ast.Module) -> dict[str, int]:
    """Names of variables, each with the line at which it is read first."""
    names = _Names(tree)
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        key = _key_of(node, names)
        name = names.text_of(key) if key is not None else None
        if name:
            line = getattr(node, "lineno", 0)
            found[name] = min(found.get(name, line), line)
    return found


def _key_of(node: ast.AST, names: _Names) -> ast.expr | None:
    """What stands where the name of a variable is read."""
    if isinstance(node, ast.Subscript):
        return node.slice if isinstance(node.ctx, ast.Load) and names.is_environment(node.value) else None
    if isinstance(node, ast.Compare):
        is_asked = isinstance(node.ops[0], (ast.In, ast.NotIn)) and names.is_environment(node.comparators[0])
        return node.left if is_asked else None
    if not isinstance(node, ast.Call) or not node.args:
        return None
    called = node.func
    reads = isinstance(called, ast.Attribute) and called.attr in _READERS and names.is_environment(called.value)
    return node.args[0] if reads or names.is_getenv(called) else None


class _Names:
    """What the names of a module stand for, as far as that does not change."""

    def __init__(self, tree: ast.Module) -> None:
        self._environments = {"environ"}
        self._getenvs = {"getenv"}
        self._texts: dict[str, str | None] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                self._read_import(node)
            elif isinstance(node, ast.Assign):
                self._read_assignment(node)

    def is_environment(self, node: ast.expr) -> bool:
        """`os.environ`, whatever it is called here."""
        if isinstance(node, ast.Attribute):
            return node.attr == "environ"
        return isinstance(node, ast.Name) and node.id in self._environments

    def is_getenv(self, node: ast.expr) -> bool:
        """`os.getenv`, whatever it is called here."""
        if isinstance(node, ast.Attribute):
            return node.attr == "getenv"
        return isinstance(node, ast.Name) and node.id in self._getenvs

    def text_of(self, node: ast.expr) -> str | None:
        """The text that an expression is; None when only running it would tell."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        return self._texts.get(node.id) if isinstance(node, ast.Name) else None

    def _read_import(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name in ("environ", "getenv"):
                known = self._environments if alias.name == "environ" else self._getenvs
                known.add(alias.asname or alias.name)

    def _read_assignment(self, node: ast.Assign) -> None:
        for target in node.targets:
            if not isinstance(target, ast.Name):
                continue
            if self.is_environment(node.value):
                self._environments.add(target.id)
            text = node.value.value if isinstance(node.value, ast.Constant) else None
            # A name that is given twice is no constant.
            self._texts[target.id] = text if isinstance(text, str) and target.id not in self._texts else None
