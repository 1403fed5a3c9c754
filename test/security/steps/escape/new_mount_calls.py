# Tries: the newer calls for mounts, which older filters forget.
# Ends: held
import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    calls = {
        "open_tree": 428,
        "move_mount": 429,
        "fsopen": 430,
        "fsconfig": 431,
        "fsmount": 432,
        "fspick": 433,
        "mount_setattr": 442,
    }
    done = [name for name, number in calls.items() if libc.syscall(number, -100, b"/tmp", 1, 0, 0) >= 0]
    done += ["fsopen tmpfs"] if libc.syscall(430, b"tmpfs", 0) >= 0 else []
    return "held" if not done else done
