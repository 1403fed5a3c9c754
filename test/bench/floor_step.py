"""The floor of a step: JSON through a pipe to a process that calls a function with it, and what it returns as JSON back through another pipe."""

import json
import os
import sys
import time

EVENT = json.dumps({"name": "Bulbasaur", "digest": "0" * 64}).encode()
SIZE = 4096


def handler(event: dict[str, str]) -> dict[str, str]:
    """What the bench's own steps do."""
    return {"name": event["name"]}


def answer(data: bytes) -> bytes:
    """What the function makes of a message, as a message."""
    return json.dumps(handler(json.loads(data))).encode()


def work(source: int, sink: int) -> None:
    """The environment's side: one message after the other, until there are no more."""
    while data := os.read(source, SIZE):
        os.write(sink, answer(data))


def main() -> None:
    """Prints the CPU of both sides for one of so many steps, in µs: the one that asks, and the one that works."""
    count = int(sys.argv[1])
    (there_read, there_write), (back_read, back_write) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(there_write)
        work(there_read, back_write)
        os._exit(0)
    os.close(there_read)
    before = time.process_time_ns()
    for _ in range(count):
        os.write(there_write, EVENT)
        os.read(back_read, SIZE)
    asked = time.process_time_ns() - before
    os.close(there_write)
    _, _, usage = os.wait4(child, 0)
    print(asked / count / 1e3, (usage.ru_utime + usage.ru_stime) * 1e6 / count)


if __name__ == "__main__":
    main()
