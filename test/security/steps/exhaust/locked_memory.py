# Tries: to lock memory so that the machine cannot swap it.
# Ends: held
import ctypes
import mmap

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    block = mmap.mmap(-1, 16 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    return "held" if libc.mlock(ctypes.c_void_p(address), 16 << 20) < 0 and libc.mlockall(3) < 0 else "locked"
