# Tries: to pretend files of an exabyte, so that whoever copies /tmp copies for ever.
# Ends: held
# Settings: {"tmp": "32MiB"}
import os


def handler(pd):
    for number in range(100):
        try:
            with open(f"/tmp/sparse-{number}", "wb") as file:
                file.truncate(1 << 60)
        except OSError:
            pass
    return "held"
