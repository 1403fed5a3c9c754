# Tries: to watch what others open on the whole machine by fanotify.
# Ends: held
import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)
NUMBER = {"x86_64": 300, "aarch64": 262}[platform.machine()]


def handler(pd):
    return "held" if all(libc.syscall(NUMBER, flags, 0) < 0 for flags in (0, 4, 8, 0x200)) else "watching"
