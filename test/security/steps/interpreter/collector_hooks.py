# Tries: to find the runtime's own objects by the garbage collector, and to be called back by it.
# Ends: either
import gc


def handler(pd):
    for value in gc.get_objects():
        if type(value).__name__ == "Environment" and hasattr(value, "_channel"):
            value._run = value._baseline = None
            value._own_pids = False
    gc.callbacks.append(lambda *_: print("millrace-escaped"))
    gc.set_threshold(1, 1, 1)
    return "held"
