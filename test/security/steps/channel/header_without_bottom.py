# Tries: to end the worker's JSON parser by a header of 100,000 brackets.
# Ends: /broke its connection|something impossible/
import os
import struct
import time


def handler(pd):
    head = b"[" * 100_000
    body = struct.pack("<I", len(head)) + head
    os.write(1001, struct.pack("<BI", 0x82, len(body)) + body)
    time.sleep(60)
