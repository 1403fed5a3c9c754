# Tries: to answer its caller a hundred thousand times.
# Ends: either
def handler(pd):
    for _ in range(100_000):
        pd.respond({"status": 200, "body": "x" * 1000, "immediate": True})
    return "held"
