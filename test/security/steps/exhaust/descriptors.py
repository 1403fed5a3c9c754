# Tries: to take all open files of the machine.
# Ends: /Too many open files/
import os


def handler(pd):
    kept = []
    while True:
        kept.append(os.open("/dev/null", os.O_RDONLY))
