# Tries: to die while its own error is being described.
# Ends: /exited with code 9|details/
import os


class Trap(Exception):
    def __str__(self):
        os._exit(9)

    __repr__ = __str__


def handler(pd):
    raise Trap
