"""Environment variables and long lines: what a step sees, and what the runner needs to keep secrets out of logs."""

from __future__ import annotations

import textwrap

from scripted_runner import OUT, ScriptedRunner

_SOURCE = textwrap.dedent(
    """
    import itertools
    import os

    AT_LOAD = os.environ.get("MODE")
    count = itertools.count()

    def handler(pd):
        return [AT_LOAD, os.environ.get("MODE"), next(count)]
    """
)


def test_code_that_was_loaded_with_other_variables_is_not_used_again(runner: ScriptedRunner) -> None:
    version = runner.load(_SOURCE)

    def value(mode: str, generation: int) -> object:
        return runner.finish(version, environment={"MODE": mode}, environment_generation=generation).value

    assert value("old", 7) == ["old", "old", 0]
    assert value("old", 7) == ["old", "old", 1]
    assert value("new", 8) == ["new", "new", 0]
    assert value("new", 8) == ["new", "new", 1]


def test_a_variable_that_is_missing_is_missing_as_in_any_python(runner: ScriptedRunner) -> None:
    source = "import os\ndef handler(pd):\n    return [os.environ.get('MISSING'), 'MISSING' in os.environ, os.environ['MISSING']]"
    failure = runner.run(source).failure
    assert (failure.type, failure.message) == ("KeyError", "'MISSING'")
    assert runner.run("import os\ndef handler(pd):\n    return os.environ.get('MISSING')").value is None


def test_pieces_of_one_line_say_that_they_go_on(runner: ScriptedRunner) -> None:
    source = "import sys\nfor part in ('a' * 10_000, 'b' * 10_000, 'c' * 20_000, '\\n', 'short\\n'):\n    sys.stdout.write(part)"
    lines = [line for line in runner.run(source).lines if line.stream == OUT]
    assert [(len(line.text), line.continued) for line in lines] == [
        (16_384, True),
        (16_384, True),
        (7_232, False),
        (5, False),
    ]
    assert "".join(line.text for line in lines[:3]) == "a" * 10_000 + "b" * 10_000 + "c" * 20_000
