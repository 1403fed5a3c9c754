# Tries: to measure other processes by perf_event_open, a favourite of those who look for bugs in the kernel.
# Ends: held
import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)
NUMBER = {"x86_64": 298, "aarch64": 241}[platform.machine()]


def handler(pd):
    attributes = ctypes.create_string_buffer(b"\x01\0\0\0\x80\0\0\0", 128)
    done = [pid for pid in (-1, 0, 1) if libc.syscall(NUMBER, attributes, pid, 0, -1, 0) >= 0]
    return "held" if not done else done
