# Tries: to read what the sandbox's own init was started with, its memory and its open files.
# Ends: held
import os


def handler(pd):
    found = []
    for name in ("mem", "environ", "maps", "fd/0", "root/etc/passwd", "cwd/x"):
        try:
            with open(f"/proc/1/{name}", "rb") as file:
                found.append((name, len(file.read(64))))
        except OSError:
            pass
    return "held" if not found else found
