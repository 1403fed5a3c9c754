# Tries: to ask the platform in the name of another run and another project, by fields that it adds to its call.
# Ends: either
import json
import os
import struct
import time


def handler(pd):
    head = json.dumps(
        {
            "number": 1,
            "execution": 1,
            "method": "store.get",
            "run": "00000000-0000-7000-8000-000000000000",
            "run_token": "v1.forged.forged",
            "project": "default",
            "assignment": {"run_id": "x", "number": 99},
            "sizes": [2, 0],
        }
    ).encode()
    body = struct.pack("<I", len(head)) + head + b"{}"
    os.write(1001, struct.pack("<BI", 0x88, len(body)) + body)
    time.sleep(1)
    return "held"
