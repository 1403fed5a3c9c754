# Tries: to go on flooding the log from a child when the step has ended.
# Ends: held
import os


def handler(pd):
    if os.fork() == 0:
        os.setsid()
        while True:
            os.write(1, b"millrace-escaped\n" * 1000)
    return "held"
