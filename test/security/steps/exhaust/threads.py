# Tries: the same with threads.
# Ends: /can't start new thread/
import threading
import time


def handler(pd):
    while True:
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
