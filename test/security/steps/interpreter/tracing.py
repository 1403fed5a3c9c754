# Tries: to see and steer the runtime from a trace function.
# Ends: either
import sys
import threading


def spy(frame, event, argument):
    for name, value in list(frame.f_locals.items()):
        if name in ("finished", "header", "state"):
            print("saw", name, type(value))
    return spy


def handler(pd):
    sys.settrace(spy)
    sys.setprofile(spy)
    threading.settrace(spy)
    frame = sys._getframe()
    while frame:
        frame.f_trace = spy
        frame = frame.f_back
    return "held"
