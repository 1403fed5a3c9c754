# Tries: to open the other ends of its pipes through /proc/self/fd, and to read what others wrote there.
# Ends: either
import os


def handler(pd):
    read = []
    for number in (1, 2, 1001):
        try:
            descriptor = os.open(f"/proc/self/fd/{number}", os.O_RDONLY | os.O_NONBLOCK)
            read.append(os.read(descriptor, 65536))
        except OSError:
            pass
    return "held" if not any(read) else "read its own output again"
