# Tries: to end every process that it can name, with every signal, and to stop its init.
# Ends: held
import os
import signal


def handler(pd):
    for pid in range(1, 70000):
        if pid != os.getpid():
            for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP) if pid < 10 else (signal.SIGKILL,):
                try:
                    os.kill(pid, number)
                except OSError:
                    pass
    return (
        "held"
        if sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()) == [1, 2]
        else "something else is here"
    )
