"""The floor of a worker and its environments: lines of JSON from a socket, through pipes to processes that call a function with them, and back."""

import asyncio
import os
import resource
import socket
import sys

from floor_step import SIZE, answer

LANES = len(os.sched_getaffinity(0))


def work(source: int, sink: int) -> None:
    """A process that stands for an environment: one line after the other, until there are no more."""
    rest = b""
    while data := os.read(source, SIZE):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            os.write(sink, answer(line) + b"\n")


def start() -> tuple[int, int]:
    """Starts one; returns where it is written to and read from."""
    (there_read, there_write), (back_read, back_write) = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.closerange(3, there_read)
        os.close(there_write)
        work(there_read, back_write)
        os._exit(0)
    os.close(there_read)
    os.close(back_write)
    return there_write, back_read


async def pass_on(path: str) -> None:
    """Passes lines on to the processes in turns, and what they answer back, until the socket is closed."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    lanes = [start() for _ in range(LANES)]
    state = {"rest": b"", "turn": 0}

    def on_lines() -> None:
        data = connection.recv(SIZE)
        if not data:
            over.set()
            return
        *lines, state["rest"] = (state["rest"] + data).split(b"\n")
        for line in lines:
            state["turn"] = (state["turn"] + 1) % LANES
            os.write(lanes[state["turn"]][0], line + b"\n")

    loop.add_reader(connection, on_lines)
    for _, back in lanes:
        loop.add_reader(back, lambda back=back: connection.sendall(os.read(back, SIZE)))
    await over.wait()
    for there, _ in lanes:
        os.close(there)


def main() -> None:
    """Prints the CPU of both sides in µs: the one in between, and the processes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    asyncio.run(pass_on(sys.argv[1]))
    own = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(LANES):
        os.wait()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = own.ru_utime + own.ru_stime - before.ru_utime - before.ru_stime
    print(spent * 1e6, (children.ru_utime + children.ru_stime) * 1e6)


if __name__ == "__main__":
    main()
