# Tries: to take memory as shared mappings, which are in no process's heap.
# Ends: /out of memory at \d+ MB/
import mmap


def handler(pd):
    kept = []
    while True:
        block = mmap.mmap(-1, 1 << 20)
        block.write(b"x" * (1 << 20))
        kept.append(block)
