# Tries: to mount a file system, to make the root writable, to bind and to unmount.
# Ends: held
import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    attempts = {
        "tmpfs": libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None),
        "remount": libc.mount(None, b"/", None, 32, None),
        "bind": libc.mount(b"/tmp", b"/usr", None, 4096, None),
        "proc": libc.mount(b"proc", b"/tmp", b"proc", 0, None),
        "unmount": libc.umount2(b"/proc/sys", 2),
    }
    return "held" if all(code < 0 for code in attempts.values()) else attempts
