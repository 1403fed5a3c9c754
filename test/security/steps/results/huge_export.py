# Tries: to export more than is allowed.
# Ends: /bytes|too large|MiB|limit/
def handler(pd):
    pd.export("x", "x" * (300 << 20))
    return "exported"
