# Tries: to take all memory.
# Ends: /out of memory at \d+ MB \(limit 256 MB\)/
def handler(pd):
    kept = []
    while True:
        kept.append(bytearray(b"x" * (1 << 20)))
