# Tries: to confuse the worker with garbage on its control channel.
# Ends: /broke its connection with the platform/
import os
import time


def handler(pd):
    os.write(1001, b"GET / HTTP/1.1\r\n\r\n" * 100)
    time.sleep(60)
