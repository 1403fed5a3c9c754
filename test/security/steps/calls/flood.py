# Tries: to drown the gateway in calls, none of whose answers it reads.
# Ends: /something impossible/
import json
import os
import struct
import time


def handler(pd):
    for number in range(1, 100_000):
        head = json.dumps({"number": number, "execution": 1, "method": "store.get", "sizes": [2, 0]}).encode()
        body = struct.pack("<I", len(head)) + head + b"{}"
        os.write(1001, struct.pack("<BI", 0x88, len(body)) + body)
    time.sleep(60)
