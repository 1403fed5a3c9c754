# Tries: to enter the namespaces of init, and of the machine should they be reachable.
# Ends: held
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    entered = []
    for pid in ("1", "self"):
        for name in ("user", "mnt", "net", "pid", "ipc", "uts", "cgroup"):
            try:
                descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
            except OSError:
                continue
            if libc.setns(descriptor, 0) == 0:
                entered.append((pid, name))
    return "held" if not entered else entered
