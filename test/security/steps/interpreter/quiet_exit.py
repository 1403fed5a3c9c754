# Tries: to end the interpreter under the platform, with a code that looks like success.
# Ends: /exited with code 0/
import os


def handler(pd):
    os._exit(0)
