# Tries: to hold buffers of thousands of sockets, in many processes.
# Ends: /open files|out of memory|killed/
import os
import socket
import time


def handler(pd):
    for _ in range(30):
        if os.fork() == 0:
            kept = []
            try:
                while True:
                    pair = socket.socketpair()
                    kept.append(pair)
            except OSError:
                time.sleep(3600)
            os._exit(0)
    time.sleep(3600)
