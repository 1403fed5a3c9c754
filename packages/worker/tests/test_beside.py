"""Modules beside the steps are imported from their text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUNTIME = Path(__file__).parents[1] / "millrace_worker" / "runtime"
MODULES = {
    "steps/helper.py": "import lib.a.b as q\nVALUE = q.Y",
    "lib/a/b.py": "from .c import Y",
    "lib/a/c.py": "Y = 5",
    "package/__init__.py": "from . import part",
    "package/part.py": "def fail():\n    raise ValueError('here')",
    "email.py": "raise RuntimeError('hides Python’s own')",
    "wins.py": "WHERE = 'beside'",
}


def run(code: str, *path: str) -> subprocess.CompletedProcess[str]:
    """In an interpreter of its own: the search path is changed for good."""
    start = f"""
import sys
sys.path.insert(0, {str(RUNTIME)!r})
from millrace_runtime.beside import find_modules_in
find_modules_in({MODULES!r}, ["steps/one.py"])
sys.path += {list(path)!r}
"""
    return subprocess.run([sys.executable, "-I", "-c", start + code], capture_output=True, text=True, check=False)


def test_modules_packages_and_folders_without_init() -> None:
    done = run("import helper, package, lib.a\nprint(helper.VALUE, helper.__file__, package.__file__, list(lib.a.__path__))")
    assert done.stdout == "5 steps/helper.py package/__init__.py ['<workflow>/lib/a/']\n", done.stderr


def test_hides_packages_but_nothing_of_pythons(tmp_path: Path) -> None:
    (tmp_path / "wins.py").write_text("WHERE = 'package'")
    done = run("import email, wins\nprint(wins.WHERE, email.__file__ != 'email.py')", str(tmp_path))
    assert done.stdout == "beside True\n", done.stderr


def test_tracebacks_show_the_source() -> None:
    done = run(
        "import package.part, traceback\ntry:\n    package.part.fail()\nexcept ValueError:\n    print(traceback.format_exc())"
    )
    assert 'File "package/part.py", line 2, in fail' in done.stdout
    assert "raise ValueError('here')" in done.stdout


def test_what_is_not_there_is_said_as_python_says_it() -> None:
    done = run("import lib.nothing")
    assert "ModuleNotFoundError: No module named 'lib.nothing'" in done.stderr
