"""Deadlines of many by one timer."""

from __future__ import annotations

import asyncio
import time

from millrace_worker.host.timers import Deadlines, Soon


def test_each_is_due_at_its_own_time_and_what_is_dropped_never() -> None:
    async def play() -> list[tuple[str, float]]:
        due: list[tuple[str, float]] = []
        began = time.monotonic()
        deadlines = Deadlines[str](lambda one: due.append((one, time.monotonic() - began)))
        deadlines.set("late", began + 0.2)
        deadlines.set("early", began + 0.05)
        deadlines.set("dropped", began + 0.01)
        deadlines.drop("dropped")
        deadlines.set("put off", began + 0.02)
        deadlines.set("put off", began + 0.3)
        while len(due) < 3:
            await asyncio.sleep(0.01)
        return due

    due = asyncio.run(play())
    assert [one for one, _ in due] == ["early", "late", "put off"]
    assert all(at >= wanted for (_, at), wanted in zip(due, (0.05, 0.2, 0.3), strict=True))


def test_one_that_is_set_again_by_its_own_end_goes_on() -> None:
    async def play() -> int:
        count = 0

        def again(one: str) -> None:
            nonlocal count
            count += 1
            deadlines.set(one, time.monotonic() + 0.01)

        deadlines = Deadlines[str](again)
        deadlines.set("one", time.monotonic())
        while count < 3:
            await asyncio.sleep(0.01)
        return count

    assert asyncio.run(play()) >= 3


def test_what_is_taken_in_time_is_not_due() -> None:
    async def play() -> tuple[list[str], bool, bool]:
        due: list[str] = []
        soon = Soon[str](0.03, due.append)
        soon.add("taken")
        soon.add("left")
        taken = soon.take("taken")
        while not due:
            await asyncio.sleep(0.01)
        soon.add("next")
        while len(due) < 2:
            await asyncio.sleep(0.01)
        return due, taken, soon.take("left")

    assert asyncio.run(play()) == (["left", "next"], True, False)
