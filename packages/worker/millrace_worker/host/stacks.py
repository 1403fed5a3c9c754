"""Where a step was when its time was over, or when it crashed: faulthandler's text as a Python traceback."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 0.3
_FRAME = re.compile(r'^  File "(?P<file>[^"]*)", line (?P<line>\d+|\?\?\?) in (?P<name>.*)$')
# Where the runtime lies: in a sandbox, and without one.
_RUNTIMES = ("/millrace/runtime/", f"{Path(__file__).resolve().parents[1] / 'runtime'}/")
# The outermost frame that matters; below it lies how the environment was started.
_BOTTOMS = tuple(f"{runtime}__main__.py" for runtime in _RUNTIMES)
_FAULT = re.compile(r"Fatal Python error: (.*)")


@dataclass(frozen=True)
class Frame:
    """One level of a stack."""

    file: str
    line: int
    name: str


class StackRequest:
    """Waits for the interpreter's dump of its stack; where that shows a waiting event loop, the coroutine's is better."""

    def __init__(self, sources: dict[str, list[str]], done: Callable[[str, list[Frame]], None]) -> None:
        self._sources = sources
        self._done: Callable[[str, list[Frame]], None] | None = done
        self._frames: list[Frame] = []
        self._coroutine: list[Frame] = []
        self._timer = asyncio.get_running_loop().call_later(_SECONDS, self.give_up)

    def on_coroutine(self, text: str) -> None:
        """The coroutine's stack as Python formats it, which it says shortly before its time is over."""
        lines = re.findall(r'^  File "([^"]*)", line (\d+), in (.*)$', text, re.MULTILINE)
        self._coroutine = [Frame(file, int(line), name) for file, line, name in lines]

    def on_dump(self, text: bytes) -> None:
        """Everything that faulthandler has written until now."""
        self._frames = parse(text)
        if any(bottom.encode() in text for bottom in _BOTTOMS):
            self.give_up()

    def give_up(self) -> None:
        """Ends with what there is."""
        done, self._done = self._done, None
        self._timer.cancel()
        own = any(frame.file in self._sources for frame in self._frames)
        frames = self._frames if own or not self._coroutine else self._coroutine
        if done is not None:
            done(render(frames, self._sources), frames)


def parse(text: bytes) -> list[Frame]:
    """Frames of a faulthandler dump, outermost first, without the runtime's."""
    frames = []
    for line in text.decode("utf-8", "replace").splitlines():
        if found := _FRAME.match(line):
            number = found["line"]
            frames.append(Frame(found["file"], int(number) if number.isdigit() else 0, found["name"]))
        elif frames and not line.startswith("  "):
            break
    bottom = next((index for index, frame in enumerate(frames) if frame.file in _BOTTOMS), len(frames))
    return [frame for frame in reversed(frames[:bottom]) if not frame.file.startswith(_RUNTIMES)]


def render(frames: Iterable[Frame], sources: dict[str, list[str]]) -> str:
    """A traceback as Python would print it, with the source lines that the worker knows; empty without frames."""
    lines = []
    for frame in frames:
        lines.append(f'  File "{frame.file}", line {frame.line}, in {frame.name}')
        source = sources.get(frame.file, [])
        if 0 < frame.line <= len(source) and source[frame.line - 1].strip():
            lines.append(f"    {source[frame.line - 1].strip()}")
    return "\n".join(["Traceback (most recent call last):", *lines]) if lines else ""


def line_in(frames: list[Frame], file_name: str) -> int:
    """The deepest line in one file; 0 when it is not on the stack."""
    return next((frame.line for frame in reversed(frames) if frame.file == file_name), 0)


def fault_of(text: bytes) -> str:
    """`Segmentation fault`, when the text is faulthandler's report of one."""
    found = _FAULT.search(text.decode("utf-8", "replace"))
    return found[1].strip() if found else ""
