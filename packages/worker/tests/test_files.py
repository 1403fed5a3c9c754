"""`pd.files` over a file store in memory: streams, descriptors, and what is given up."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE / "millrace_worker/runtime"))

from pipedream.testing import Platform, run_step  # noqa: E402

PART = 512 << 10


def returned(handler: Any, files: dict[str, bytes] | None = None) -> tuple[Any, dict[str, bytes]]:
    platform = Platform(files=files)
    return run_step(handler, platform=platform).returned, platform.files


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART + 17])
def test_content_of_any_size_comes_back_as_it_was(size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)

    def handler(pd: Any) -> Any:
        file = pd.files.open("a.bin").from_bytes(content[:size])
        with file.open() as source:
            pieces = list(iter(lambda: source.read(100_000), b""))
        return [file.size, b"".join(pieces) == content[:size], file.to_bytes() == content[:size]]

    assert returned(handler) == ([size, True, True], {"a.bin": content[:size]})


def test_writing_in_many_small_pieces_makes_few_parts() -> None:
    platform = Platform()
    calls: list[str] = []
    ask = platform.call

    def counted(method: str, *rest: Any) -> Any:
        calls.append(method)
        return ask(method, *rest)

    platform.call = counted  # type: ignore[method-assign]

    def handler(pd: Any) -> None:
        with pd.files.open("lines.txt").open("w") as target:
            for _ in range(100_000):
                target.write("0123456789\n")

    run_step(handler, platform=platform)
    assert platform.files["lines.txt"] == b"0123456789\n" * 100_000
    assert calls == ["files.write"] * 3 + ["files.save"]


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_what_is_not_closed_well_is_given_up(mode: str) -> None:
    def handler(pd: Any) -> None:
        content = b"half" if mode == "wb" else "half"
        with pytest.raises(RuntimeError), pd.files.open("a").open(mode) as target:
            target.write(content)
            raise RuntimeError
        lost = pd.files.open("a").open(mode)
        lost.write(content)
        del lost
        gc.collect()

    assert returned(handler, {"a": b"whole"})[1] == {"a": b"whole"}


def test_a_reader_seeks_and_keeps_what_it_has_opened() -> None:
    def handler(pd: Any) -> Any:
        file = pd.files.open("a")
        with file.open() as source:
            file.from_bytes(b"other")
            first = source.read(3)
            source.seek(-2, 2)
            end = source.read()
            source.seek(1)
            again = source.read(2)
            with pytest.raises(ValueError, match="before the start"):
                source.raw.seek(-1)
        return [part.decode() for part in (first, end, again)]

    assert returned(handler, {"a": b"0123456789"})[0] == ["012", "89", "12"]


def test_a_file_is_a_dict_in_the_next_step() -> None:
    def write(pd: Any) -> Any:
        file = pd.files.open("/sub/a.csv").from_bytes(b"a,b\n", "text/csv")
        pd.export("files", {"in": [file]})
        return file

    platform = Platform()
    result = run_step(write, platform=platform)
    assert result.returned["path"] == "sub/a.csv"
    assert result.exports["files"]["in"] == [result.returned]
    json.dumps(result.returned)

    def read(pd: Any) -> Any:
        file = pd.files.open(pd.steps["write"]["$return_value"])
        return [file.name, file.size, file.content_type, file.to_bytes().decode(), file is pd.files.open(file)]

    steps = {"write": {"$return_value": result.returned}}
    assert run_step(read, steps=steps, platform=platform).returned == ["a.csv", 4, "text/csv", "a,b\n", True]


def test_directories_are_what_the_paths_say() -> None:
    def handler(pd: Any) -> Any:
        own = [[entry.name, entry.is_directory(), entry.is_file()] for entry in pd.files.dir("a")]
        return [own, [entry.path for entry in pd.files.dir(recursive=True)]]

    content = {"a/1": b"", "a/b/2": b"", "c": b""}
    assert returned(handler, content)[0] == [[["1", False, True], ["b", True, False]], ["a/1", "a/b/2", "c"]]


@pytest.mark.parametrize("mode", ["", "a", "r+", "rw", "rbt", "bb", "x"])
def test_other_modes_are_refused(mode: str) -> None:
    def handler(pd: Any) -> None:
        pd.files.open("a").open(mode)

    with pytest.raises(ValueError, match="mode"):
        returned(handler, {"a": b""})


def test_a_missing_file_is_an_error_but_for_delete() -> None:
    def handler(pd: Any) -> Any:
        missing = pd.files.open("missing")
        missing.delete()
        with pytest.raises(FileNotFoundError) as raised:
            missing.to_bytes()
        return [missing.exists(), raised.value.filename]

    assert returned(handler)[0] == [False, "missing"]
