# Tries: to crash the interpreter.
# Ends: /killed by signal 11/
import ctypes


def handler(pd):
    ctypes.string_at(0)
