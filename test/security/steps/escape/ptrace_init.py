# Tries: to trace its init and its own parent, and to be traced.
# Ends: held
import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    done = [request for request in (0, 16, 0x4206) if libc.ptrace(request, 1, None, None) == 0]
    return "held" if not done else done
