# Tries: to become root, or to get a capability back, by every call that gives one.
# Ends: held
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    done = []
    for change in (
        lambda: os.setuid(0),
        lambda: os.setresuid(0, 0, 0),
        lambda: os.setgid(0),
        lambda: os.setgroups([0]),
    ):
        try:
            change()
            done.append("id")
        except OSError:
            pass
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
    done += ["capset"] if libc.capset(header, data) == 0 else []
    done += ["ambient"] if libc.prctl(47, 2, 21, 0, 0) == 0 else []
    done += ["no_new_privs"] if libc.prctl(38, 0, 0, 0, 0) == 0 else []
    done += ["securebits"] if libc.prctl(28, 0, 0, 0, 0) == 0 else []
    return "held" if not done else done
