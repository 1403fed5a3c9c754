"""What sources import is found by parsing them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[1] / "millrace_worker" / "runtime"


@pytest.fixture(autouse=True)
def _runtime_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(RUNTIME))


def examine(source: str, modules: dict[str, str] | None = None, file_name: str = "steps/one.py") -> dict[str, Any]:
    from millrace_runtime.check import examine

    step = {"path": "steps/0", "name": "one", "file_name": file_name, "source": source}
    return examine([step], [{"path": path, "source": text} for path, text in (modules or {}).items()])


def imported(source: str, modules: dict[str, str] | None = None) -> list[tuple[str, str, bool]]:
    return [(one["module"], one["name"], one["optional"]) for one in examine(source, modules)["imports"]]


def test_finds_imports_wherever_they_stand() -> None:
    source = "import a, b.c as d\nfrom e.f import g, h\nfrom i import *\ndef k():\n    class L:\n        import m\n"
    assert imported(source) == [
        ("a", "", False),
        ("b.c", "", False),
        ("e.f", "g", False),
        ("e.f", "h", False),
        ("i", "", False),
        ("m", "", False),
    ]


def test_leaves_out_what_python_has() -> None:
    assert imported("import os, json, xml.etree.ElementTree\nfrom urllib import request\nimport a") == [("a", "", False)]


def test_knows_what_code_can_do_without() -> None:
    source = """
import sys, typing
from typing import TYPE_CHECKING
try:
    import a
except ImportError:
    import b
else:
    import c
finally:
    import d
if TYPE_CHECKING:
    import e
if typing.TYPE_CHECKING and True:
    import f
if sys.platform == "win32":
    import g
if something:
    import h
import e_too
"""
    assert {name: optional for name, _, optional in imported(source)} == {
        "a": True,
        "b": True,
        "c": False,
        "d": False,
        "e": True,
        "f": True,
        "g": True,
        "h": False,
        "e_too": False,
    }


def test_needed_once_is_needed() -> None:
    assert imported("try:\n    import a\nexcept ImportError: pass\nimport a") == [("a", "", False)]


def test_follows_modules_beside_the_steps_and_only_those_that_are_reached() -> None:
    modules = {
        "steps/beside.py": "import a",
        "lib/__init__.py": "import b",
        "lib/deep/module.py": "from ..other import x\nfrom . import sibling",
        "lib/other.py": "import c",
        "lib/deep/sibling.py": "import d",
        "test_lib.py": "import pytest_like",
    }
    source = "import beside\nfrom lib.deep import module\nfrom lib.deep.module import x"
    assert sorted(name for name, _, _ in imported(source, modules)) == ["a", "b", "c", "d"]


def test_survives_modules_that_import_each_other() -> None:
    modules = {"one.py": "import two", "two.py": "import one\nimport a"}
    assert imported("import one", modules) == [("a", "", False)]


def test_a_reached_module_must_compile() -> None:
    found = examine("import broken", {"broken.py": "def (", "untouched.py": "def ("})
    assert [(problem["file"], problem["line"]) for problem in found["problems"]] == [("broken.py", 1)]


def test_reads_comments_and_nothing_that_looks_like_one() -> None:
    source = '''
# pipedream add-package pandas==2.0.0
#Millrace add-package  a[b]>=1 ; python_version > "3"
x = "# pipedream add-package not-me"
y = """
# pipedream add-package nor-me
"""
def f():
    z = 1  # millrace add-package inline
'''
    assert [(one["text"], one["line"]) for one in examine(source)["requirements"]] == [
        ("pandas==2.0.0", 2),
        ('a[b]>=1 ; python_version > "3"', 3),
        ("inline", 9),
    ]


def test_executes_nothing(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    examine(f"open({str(witness)!r}, 'w')\nimport helper", {"helper.py": f"open({str(witness)!r}, 'w')"})
    assert not witness.exists()


def test_is_not_led_astray_by_hostile_sources() -> None:
    assert examine("(" * 10_000)["problems"]
    assert imported("import " + ".".join("a" * 1 for _ in range(3000))) != []
    assert len(examine("\n".join(f"import m{i}" for i in range(6000)))["imports"]) == 5000


def test_says_which_python_decides() -> None:
    assert examine("")["python_minor"] == f"{sys.version_info[0]}.{sys.version_info[1]}"


def read(source: str, modules: dict[str, str] | None = None) -> list[tuple[str, str, int]]:
    return [(one["name"], one["file"], one["line"]) for one in examine(source, modules)["variables"]]


@pytest.mark.parametrize(
    "source",
    [
        'import os\nos.environ["A"]',
        'import os\nos.environ.get("A", "")',
        'import os\nos.getenv("A")',
        'import os\n"A" in os.environ',
        'import os as system\nsystem.environ["A"]',
        'from os import environ as e, getenv as g\ne["A"]',
        'from os import getenv as g\ng("A")',
        'import os\nenv = os.environ\nenv["A"]',
        'import os\nKEY = "A"\nos.getenv(KEY)',
        "import os\ndef handler(pd):\n    return f\"{os.environ['A']}\"",
    ],
)
def test_finds_the_variables_that_a_source_reads(source: str) -> None:
    assert [name for name, _, _ in read(source)] == ["A"]


def test_finds_no_variable_where_none_is_named() -> None:
    source = """
import os
NAME = "A"
NAME = "B"
os.environ["SET"] = "1"
os.environ[NAME]
os.environ["X" + NAME]
os.getenv()
{"environ": 1}["Y"]
"""
    assert read(source) == []


def test_says_where_a_variable_is_read_first_in_each_file_that_is_reached() -> None:
    modules = {"lib/http.py": 'import os\n\nKEY = os.environ["KEY"]', "unused.py": 'import os\nos.environ["NO"]'}
    source = 'import os\nfrom lib import http\nos.getenv("KEY")\nos.environ["KEY"]'
    assert read(source, modules) == [("KEY", "steps/one.py", 3), ("KEY", "lib/http.py", 3)]
