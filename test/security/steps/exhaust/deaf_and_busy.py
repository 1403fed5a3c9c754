# Tries: to be ended by nothing: it ignores every signal and never sleeps.
# Ends: /timed out after 2 s/
# Settings: {"stepTimeout": "2s"}
import signal


def handler(pd):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            pass
        except BaseException:
            pass
