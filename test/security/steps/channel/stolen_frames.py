# Tries: to read what the platform sends to its own runtime, in the hope of another run's event.
# Ends: either
import os
import threading


def steal():
    while data := os.read(1000, 65536):
        print(len(data))


def handler(pd):
    threading.Thread(target=steal, daemon=True).start()
    return "held"
