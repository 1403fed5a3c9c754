# Tries: to clone a child into a user namespace, with clone and with clone3, whose flags a filter cannot see.
# Ends: held
import ctypes
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]


def handler(pd):
    for number, arguments in ((CLONE, (0x10000000 | 17, 0, 0, 0, 0)), (435, ((ctypes.c_uint64 * 8)(0x10000000), 64))):
        child = libc.syscall(number, *arguments)
        if child == 0:
            os._exit(0)
        if child > 0:
            return "cloned"
    return "held"
