# Tries: to hold its place for ever.
# Ends: /timed out after 2 s/
# Settings: {"stepTimeout": "2s"}
import time


def handler(pd):
    time.sleep(1e9)
