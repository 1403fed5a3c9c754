# Tries: to run on unseen by closing its control channel.
# Ends: /closed its connection/
import os
import time


def handler(pd):
    os.close(1000)
    os.close(1001)
    time.sleep(60)
