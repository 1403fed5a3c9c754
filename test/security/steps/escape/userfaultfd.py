# Tries: to stop the kernel in the middle of a copy by userfaultfd, the helper of many an exploit.
# Ends: held
import ctypes
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
NUMBER = {"x86_64": 323, "aarch64": 282}[platform.machine()]


def handler(pd):
    return (
        "held"
        if libc.syscall(NUMBER, 0) < 0 and libc.syscall(NUMBER, 1) < 0 and not os.path.exists("/dev/userfaultfd")
        else "made"
    )
