# Tries: to take the machine's process numbers by children that only sleep.
# Ends: /Resource temporarily unavailable/
import os
import time


def handler(pd):
    while True:
        if os.fork() == 0:
            time.sleep(3600)
