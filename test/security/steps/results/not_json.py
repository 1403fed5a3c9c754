# Tries: to return what only Python calls JSON: NaN and infinities.
# Ends: /NaN|nan|JSON/
def handler(pd):
    return {"a": float("nan"), "b": [float("inf"), -float("inf")]}
