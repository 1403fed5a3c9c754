"""Runs `async def` handlers on one event loop, which stays: a client kept in a module's globals works in the next run too."""

from __future__ import annotations

import asyncio
import traceback
from concurrent.futures import ThreadPoolExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from pipedream._pd import Record

_CANCEL_SECONDS = 1.0
_EARLY_SECONDS = 0.05


class Coroutines:
    """The environment's event loop."""

    def __init__(self, note: Callable[[str], None], send_stack: Callable[[str], None]) -> None:
        self._note = note
        self._send_stack = send_stack
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: ThreadPoolExecutor | None = None

    def run(self, coroutine: Coroutine[Any, Any, Any], deadline: float, record: Record) -> Any:
        """Runs a handler to its end, or until the worker ends it at `deadline`; what it left running is cancelled, as `asyncio.run`
        does, but for the answer that it streams."""
        loop = self._loop
        if loop is None or loop.is_closed():
            self._loop = loop = asyncio.new_event_loop()
            self._threads = None
        if self._threads is None:
            self._threads = ThreadPoolExecutor(thread_name_prefix="asyncio")
            loop.set_default_executor(self._threads)
        asyncio.set_event_loop(loop)
        task = loop.create_task(coroutine)
        # A stack from outside shows a waiting loop; only the loop itself knows what the coroutine waits for, and it has to
        # say so before the worker ends it.
        timer = loop.call_at(deadline - _EARLY_SECONDS, lambda: self._send_stack(_stack(coroutine)))
        try:
            value = loop.run_until_complete(task)
            if record.stream is not None:
                loop.run_until_complete(record.stream)
            return value
        finally:
            timer.cancel()
            if not loop.is_closed():
                self._cancel_rest(loop)

    def _cancel_rest(self, loop: asyncio.AbstractEventLoop) -> None:
        rest = asyncio.all_tasks(loop)
        if rest:
            for task in rest:
                task.cancel()
            loop.run_until_complete(asyncio.wait(rest, timeout=_CANCEL_SECONDS))
            self._note(f"{len(rest)} asyncio task{'s were' if len(rest) > 1 else ' was'} still running at the end of the step")
        loop.run_until_complete(loop.shutdown_asyncgens())
        if self._threads is not None and self._threads._threads:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _stack(coroutine: Any) -> str:
    """Where a suspended coroutine is, outermost call first."""
    lines = []
    while coroutine is not None:
        frame = (
            getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None) or getattr(coroutine, "ag_frame", None)
        )
        if frame is None:
            break
        lines.extend(traceback.format_stack(frame, limit=1))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return "".join(lines)
