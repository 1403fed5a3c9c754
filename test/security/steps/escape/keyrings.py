# Tries: to leave a key in a keyring of the kernel, which outlives processes, and to read others' keys.
# Ends: held
import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)
ADD, REQUEST, CONTROL = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}[platform.machine()]


def handler(pd):
    done = [ring for ring in (-1, -3, -4, -5) if libc.syscall(ADD, b"user", b"millrace-escaped", b"x", 1, ring) >= 0]
    done += [0] if libc.syscall(REQUEST, b"user", b"x", None, -3) >= 0 else []
    done += [1] if libc.syscall(CONTROL, 0, -3, 1) >= 0 else []
    return "held" if not done else done
