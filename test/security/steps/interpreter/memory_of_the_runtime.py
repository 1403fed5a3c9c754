# Tries: to change the runtime behind Python's back, by writing into its memory.
# Ends: either
import ctypes
import sys


def handler(pd):
    runtime = sys.modules["millrace_runtime.environment"]
    ctypes.memset(id(runtime.Environment), 0, 64)
    ctypes.memset(id(runtime.__dict__), 0xFF, 32)
    return "held"
