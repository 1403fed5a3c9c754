# Tries: to store text that no database takes: lone surrogates, NUL, keys that mean something to JavaScript.
# Ends: either
def handler(pd):
    return {
        "\x00": "\x00",
        "__proto__": {"polluted": True},
        "constructor": {"prototype": {"polluted": True}},
        "lone": "\ud800",
        "big": 2**70,
    }
