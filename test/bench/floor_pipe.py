"""The floor of the worker's exchange with an environment: a message through a pipe to another process, and back through another pipe."""

import os
import sys
import time

SIZE = 512


def main() -> None:
    """Prints the middle one of so many exchanges, in ms."""
    count = int(sys.argv[1])
    (there_read, there_write), (back_read, back_write) = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(there_write)
        while data := os.read(there_read, SIZE):
            os.write(back_write, data)
        os._exit(0)
    message, times = b"x" * SIZE, []
    for _ in range(count):
        start = time.perf_counter_ns()
        os.write(there_write, message)
        os.read(back_read, SIZE)
        times.append(time.perf_counter_ns() - start)
    os.close(there_write)
    os.wait()
    print(sorted(times)[count // 2] / 1e6)


if __name__ == "__main__":
    main()
