# Tries: to switch off what makes exploits hard: randomised addresses, pages that cannot be executed at 0.
# Ends: held
import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    done = [flag for flag in (0x0040000, 0x0400000, 0x0100000, 0x8) if libc.personality(flag) >= 0]
    return "held" if not done else done
