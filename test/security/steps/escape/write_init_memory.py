# Tries: to write into the memory of its init, which is the last process of the platform's own that it can name.
# Ends: held
import ctypes


def handler(pd):
    try:
        with open("/proc/1/mem", "r+b", buffering=0) as memory:
            memory.seek(0x400000)
            memory.write(b"\xcc" * 64)
        return "written"
    except OSError:
        return "held"
