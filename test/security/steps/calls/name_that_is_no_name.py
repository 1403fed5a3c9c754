# Tries: to get out of the namespace of calls by a method that is a path, a subject with wildcards, or no text at all.
# Ends: /something impossible/
import json
import os
import struct
import time


def handler(pd):
    for method in ("../../svc.version", "store.>", "store.*\r\nPUB x 0\r\n", 7, None, "x" * 100_000):
        head = json.dumps({"number": 1, "execution": 1, "method": method, "sizes": [2, 0]}).encode()
        body = struct.pack("<I", len(head)) + head + b"{}"
        os.write(1001, struct.pack("<BI", 0x88, len(body)) + body)
    time.sleep(60)
