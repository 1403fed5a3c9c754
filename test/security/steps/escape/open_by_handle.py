# Tries: to open files by their handles, which asks no folder for leave (the escape called Shocker).
# Ends: held
import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)
NUMBER = {"x86_64": 304, "aarch64": 265}[platform.machine()]


def handler(pd):
    handle = (ctypes.c_char * 16).from_buffer_copy(b"\x08\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0")
    return "held" if libc.syscall(NUMBER, -100, ctypes.byref(handle), 0) < 0 else "opened"
