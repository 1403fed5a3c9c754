# Tries: to have everybody hold a line of 100 MB.
# Ends: held
# Settings: {"memory": "512MiB"}
import sys


def handler(pd):
    for _ in range(100):
        sys.stdout.write("x" * (1 << 20))
    sys.stdout.flush()
    return "held"
