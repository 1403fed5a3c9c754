# Tries: to be called by signals in the next run, timers included.
# Ends: held
import signal


def handler(pd):
    for number in range(1, 32):
        try:
            signal.signal(number, lambda *_: print("millrace-escaped"))
        except (OSError, ValueError):
            pass
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.2, 0.2)
    signal.setitimer(signal.ITIMER_PROF, 0.2, 0.2)
    return "held"
