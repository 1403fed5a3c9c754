# Tries: to fork without end, each child doing the same.
# Ends: /timed out after 3 s|processes and threads/
# Settings: {"stepTimeout": "3s"}
import os


def handler(pd):
    while True:
        try:
            os.fork()
        except OSError:
            pass
