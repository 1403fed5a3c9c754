# Tries: to take all inotify instances and watches of a user.
# Ends: held
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    made = 0
    while made < 5000:
        descriptor = libc.inotify_init1(0)
        if descriptor < 0:
            break
        made += 1
    os.mkdir("/tmp/watched")
    watch = libc.inotify_init1(0)
    for number in range(10_000):
        libc.inotify_add_watch(watch, b"/tmp/watched", 0xFFF)
    return "held"
