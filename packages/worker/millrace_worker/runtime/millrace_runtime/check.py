"""Compiles sources, and finds what they import, without running them."""

from __future__ import annotations

import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SOURCE_BYTES_MAX = 5 * 1024 * 1024


def examine(steps: list[dict[str, Any]], modules: list[dict[str, str]]) -> dict[str, Any]:
    """What is wrong with the sources of a version to be, and what they import that is neither theirs nor Python's own."""
    import sys

    from millrace_runtime.beside import roots_of
    from millrace_runtime.imports import Finder

    problems = check(steps)
    finder = Finder(modules, roots_of([step["file_name"] for step in steps]))
    for step in steps:
        finder.look_at(step["file_name"], step["source"])
    reached = set(finder.reached)
    sources = [{"file_name": one["path"], "source": one["source"]} for one in modules if one["path"] in reached]
    return {
        "problems": problems + check(sources),
        "imports": finder.imports,
        "requirements": finder.requirements,
        "variables": finder.variables,
        "python_minor": f"{sys.version_info[0]}.{sys.version_info[1]}",
    }


def check(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns what is wrong with the steps' sources, at most one problem for each step."""
    problems = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in steps:
            found = _check_source(str(step.get("source", "")), str(step.get("file_name") or step.get("name") or "<step>"))
            if found is not None:
                problems.append({"path": step.get("path", ""), "name": step.get("name", ""), **found})
    return problems


def _check_source(source: str, file_name: str) -> dict[str, Any] | None:
    try:
        size = len(source.encode("utf-8", "surrogatepass"))
        if size > SOURCE_BYTES_MAX:
            return _problem(file_name, f"the source has {size} bytes; at most {SOURCE_BYTES_MAX} are allowed")
        compile(source, file_name, "exec", dont_inherit=True)
    except SyntaxError as error:
        text = f"{type(error).__name__}: {error.msg}"
        return _problem(file_name, text, max(error.lineno or 0, 0), max(error.offset or 0, 0))
    except (RecursionError, MemoryError):
        return _problem(file_name, "the source is nested too deeply to be compiled")
    except (ValueError, OverflowError) as error:
        return _problem(file_name, f"{type(error).__name__}: {error}")
    return None


def _problem(file_name: str, message: str, line: int = 0, column: int = 0) -> dict[str, Any]:
    return {"file": file_name, "line": line, "column": column, "message": message}
