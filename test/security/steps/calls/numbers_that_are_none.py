# Tries: to mix up the answers of calls by numbers that are negative, fractions, huge or used twice.
# Ends: /something impossible/
import json
import os
import struct
import time


def handler(pd):
    for number in (-1, 0, 1.5, 1 << 70, True, "1"):
        head = json.dumps({"number": number, "execution": 1, "method": "store.get", "sizes": [2, 0]}).encode()
        body = struct.pack("<I", len(head)) + head + b"{}"
        os.write(1001, struct.pack("<BI", 0x88, len(body)) + body)
    time.sleep(60)
