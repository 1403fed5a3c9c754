# Tries: to fill the log by printing without end.
# Ends: held
# Settings: {"logs": "64KiB"}
def handler(pd):
    for _ in range(200_000):
        print("x" * 500)
    return "held"
