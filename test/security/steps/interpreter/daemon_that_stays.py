# Tries: to stay as a daemon that forked twice and has a session of its own.
# Ends: held
import os
import time


def handler(pd):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (0, 1, 2):
                os.close(number)
            time.sleep(3600)
        os._exit(0)
    os.wait()
    return "held"
