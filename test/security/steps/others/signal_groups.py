# Tries: to signal the process groups and the session of whoever started the house.
# Ends: held
import os
import signal


def handler(pd):
    reached = []
    for group in range(1, 70000):
        if group != os.getpgid(0):
            try:
                os.killpg(group, 0)
                reached.append(group)
            except OSError:
                pass
    return "held" if set(reached) <= {1} else reached
