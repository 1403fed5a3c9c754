# Tries: to send more with a call than it may.
# Ends: held
from millrace_runtime.calls import call


def handler(pd):
    refused = 0
    for request, body in (({"x": "y" * (1 << 20)}, b""), ({}, b"x" * (2 << 20))):
        try:
            call("store.get", request, body)
        except Exception:
            refused += 1
    return "held" if refused == 2 else refused
