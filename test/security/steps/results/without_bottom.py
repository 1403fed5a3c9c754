# Tries: to return a structure 100,000 levels deep.
# Ends: /deep|recursion|nested/
def handler(pd):
    value = []
    for _ in range(100_000):
        value = [value]
    return value
