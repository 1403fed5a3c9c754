# Tries: to make its own /tmp larger, with the descriptor that the platform uses for it should it be lying around.
# Ends: held
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    size = os.statvfs("/tmp").f_blocks
    for descriptor in range(2048):
        libc.syscall(431, descriptor, 1, b"size", b"1099511627776", 0)
        libc.syscall(431, descriptor, 7, None, None, 0)
    return "held" if os.statvfs("/tmp").f_blocks == size else "grown"
