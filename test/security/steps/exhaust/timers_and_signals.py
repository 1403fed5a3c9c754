# Tries: to fill the kernel's queues of timers and signals.
# Ends: held
import ctypes
import os
import signal

libc = ctypes.CDLL(None, use_errno=True)


def handler(pd):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
    for _ in range(100_000):
        if libc.sigqueue(os.getpid(), int(signal.SIGRTMIN), None) < 0:
            break
    timer = ctypes.c_void_p()
    for _ in range(100_000):
        if libc.timer_create(1, None, ctypes.byref(timer)) < 0:
            break
    signal.signal(signal.SIGRTMIN, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGRTMIN})
    return "held"
