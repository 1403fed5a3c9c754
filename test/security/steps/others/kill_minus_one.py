# Tries: to end everything of its own user at once.
# Ends: /killed by signal 9/
import os
import signal
import time


def handler(pd):
    if os.fork() == 0:
        os.kill(-1, signal.SIGKILL)
        os._exit(0)
    time.sleep(60)
