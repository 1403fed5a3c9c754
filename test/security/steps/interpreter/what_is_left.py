# Tries: to leave its working folder, umask, variables, streams, limits and defaults to the next run.
# Ends: held
import locale
import os
import socket
import sys


def handler(pd):
    os.chdir("/proc")
    os.umask(0)
    os.environ.clear()
    os.environ["LEFT"] = "1"
    sys.stdout = sys.stderr = open(os.devnull, "w")
    sys.setrecursionlimit(100_000)
    socket.setdefaulttimeout(0.001)
    sys.excepthook = sys.displayhook = lambda *_: None
    locale.setlocale(locale.LC_ALL, "C")
    return "held"
