# Tries: to pass the filter by the numbers of another architecture (x32), which means another table in the same kernel.
# Ends: /killed by signal 31|SIGSYS|not implemented|held/
import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    if platform.machine() != "x86_64":
        raise RuntimeError("held: there is no such table here")
    libc.syscall(0x40000000 | 165, b"tmpfs", b"/tmp", b"tmpfs", 0, 0)
    return "the call came back"
