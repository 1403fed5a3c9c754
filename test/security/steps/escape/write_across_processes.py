# Tries: to read and write the memory of init by process_vm_readv and process_vm_writev.
# Ends: held
import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)
READ, WRITE = {"x86_64": (310, 311), "aarch64": (270, 271)}[platform.machine()]


def handler(pd):
    buffer = ctypes.create_string_buffer(64)
    vector = (ctypes.c_uint64 * 2)(ctypes.addressof(buffer), 64)
    done = [number for number in (READ, WRITE) if libc.syscall(number, 1, vector, 1, vector, 1, 0) >= 0]
    return "held" if not done else done
