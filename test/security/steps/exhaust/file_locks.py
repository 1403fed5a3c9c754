# Tries: to take the kernel's memory by hundreds of thousands of locks on one file.
# Ends: either
# Settings: {"stepTimeout": "10s"}
import fcntl
import os


def handler(pd):
    descriptor = os.open("/tmp/locked", os.O_RDWR | os.O_CREAT)
    for number in range(100_000):
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number * 2)
    return "held"
