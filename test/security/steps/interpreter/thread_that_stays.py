# Tries: to stay in the interpreter as a thread, and to meet the next run there.
# Ends: held
import threading
import time


def stay():
    while True:
        time.sleep(0.01)


def handler(pd):
    threading.Thread(target=stay, daemon=True, name="hostile-stays").start()
    return "held"
