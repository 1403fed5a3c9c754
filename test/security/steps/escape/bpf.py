# Tries: to load a program into the kernel.
# Ends: held
import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)
NUMBER = {"x86_64": 321, "aarch64": 280}[platform.machine()]


def handler(pd):
    attributes = ctypes.create_string_buffer(128)
    attributes[0:12] = b"\x01\0\0\0\x04\0\0\0\x04\0\0\0"
    done = [command for command in (0, 5) if libc.syscall(NUMBER, command, attributes, 128) >= 0]
    return "held" if not done else done
