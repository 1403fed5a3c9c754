# Tries: to have the worker read beyond a frame, by sizes that are negative or too large.
# Ends: /broke its connection|something impossible/
import json
import os
import struct
import time


def handler(pd):
    head = json.dumps({"sizes": [-5, 1 << 40, 5]}).encode()
    body = struct.pack("<I", len(head)) + head
    os.write(1001, struct.pack("<BI", 0x83, len(body)) + body)
    time.sleep(60)
