# Tries: the same where no signal handler of Python's ever runs: in a call of the C library.
# Ends: /timed out after 2 s/
# Settings: {"stepTimeout": "2s"}
import ctypes


def handler(pd):
    ctypes.PyDLL(None).pause()
