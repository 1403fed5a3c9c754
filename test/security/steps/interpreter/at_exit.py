# Tries: to run when the interpreter ends, which is after its run.
# Ends: held
import atexit
import os


def late():
    with open("/tmp/millrace-late", "w") as file:
        file.write("x")
    os.write(1, b"late\n")


def handler(pd):
    atexit.register(late)
    os.register_at_fork(before=late, after_in_child=late, after_in_parent=late)
    return "held"
