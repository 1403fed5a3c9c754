# Tries: to hide memory in files without a name.
# Ends: /not implemented/
import os


def handler(pd):
    while True:
        os.write(os.memfd_create("x"), b"x" * (1 << 20))
