# Tries: to allocate 100 GB at once.
# Ends: /MemoryError|out of memory/
def handler(pd):
    return len(bytearray(100 << 30))
