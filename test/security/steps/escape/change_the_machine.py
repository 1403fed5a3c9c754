# Tries: to load a module, replace the kernel, reboot, set the clock, the host's name and swap.
# Ends: held
import ctypes
import platform
import socket
import time

libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    "x86_64": {
        "init_module": 175,
        "finit_module": 313,
        "kexec_load": 246,
        "reboot": 169,
        "swapon": 167,
        "acct": 163,
        "quotactl": 179,
    },
    "aarch64": {
        "init_module": 105,
        "finit_module": 273,
        "kexec_load": 104,
        "reboot": 142,
        "swapon": 224,
        "acct": 89,
        "quotactl": 60,
    },
}[platform.machine()]


def handler(pd):
    done = [name for name, number in NUMBERS.items() if libc.syscall(number, 0, 0, 0, 0) >= 0]
    for change in (lambda: socket.sethostname("millrace-escaped"), lambda: time.clock_settime(time.CLOCK_REALTIME, 0)):
        try:
            change()
            done.append("changed")
        except OSError:
            pass
    return "held" if not done else done
