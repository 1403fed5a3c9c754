# Tries: to become root of namespaces of its own, each kind by itself.
# Ends: held
import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    flags = {
        "time": 0x80,
        "mount": 0x20000,
        "cgroup": 0x2000000,
        "uts": 0x4000000,
        "ipc": 0x8000000,
        "user": 0x10000000,
        "pid": 0x20000000,
        "net": 0x40000000,
    }
    done = [name for name, flag in flags.items() if libc.unshare(flag) == 0]
    return "held" if not done else done
