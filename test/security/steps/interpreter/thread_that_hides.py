# Tries: the same with a thread that Python does not know, started by the C library.
# Ends: held
import ctypes

libc = ctypes.CDLL(None)


def handler(pd):
    thread = ctypes.c_ulong()
    libc.pthread_create(ctypes.byref(thread), None, ctypes.cast(libc.sleep, ctypes.c_void_p), ctypes.c_void_p(1000))
    return "held"
