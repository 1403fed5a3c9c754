# Tries: to type into the terminal of whoever started the house.
# Ends: held
import fcntl
import os


def handler(pd):
    done = []
    for path in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/pts/0", "/dev/pts/1", "/proc/self/fd/0"):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        except OSError:
            continue
        for request in (0x5412, 0x541C, 0x15412 << 32 | 0x5412):
            try:
                fcntl.ioctl(descriptor, request & 0xFFFFFFFF, b"x")
                done.append(path)
            except OSError:
                pass
    return "held" if not done else done
