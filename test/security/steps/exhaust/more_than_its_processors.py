# Tries: to use all processors where its workflow may use a fifth of one.
# Ends: held
# Settings: {"cpu": 0.2, "stepTimeout": "20s"}
import os
import resource
import time


def handler(pd):
    end = time.monotonic() + 3
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            while time.monotonic() < end:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    used = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    return "held" if used < 1.5 else used
