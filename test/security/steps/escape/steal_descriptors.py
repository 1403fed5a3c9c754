# Tries: to take descriptors out of init by pidfd_getfd: the lifeline, or whatever is open there.
# Ends: held
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    init = os.pidfd_open(1)
    stolen = [number for number in range(256) if libc.syscall(438, init, number, 0) >= 0]
    return "held" if not stolen else stolen
