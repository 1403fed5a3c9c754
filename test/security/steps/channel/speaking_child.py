# Tries: to have a child speak to the platform in its name, after the step has ended.
# Ends: held
import os
import time


def handler(pd):
    if os.fork() == 0:
        time.sleep(0.2)
        for number in (1000, 1001):
            try:
                os.write(number, b"\x82\xff\xff\xff\xff")
            except OSError:
                pass
        os._exit(0)
    return "held"
