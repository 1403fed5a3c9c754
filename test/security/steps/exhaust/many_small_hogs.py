# Tries: to stay below the limit in each of many processes, and above it together.
# Ends: /out of memory at \d+ MB/
import os
import time


def handler(pd):
    for _ in range(20):
        if os.fork() == 0:
            kept = bytearray(os.urandom(1 << 20) * 30)
            time.sleep(3600)
            os._exit(len(kept) & 1)
    time.sleep(3600)
