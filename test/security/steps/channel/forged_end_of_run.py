# Tries: to look idle and clean to the worker, so that the next run is given to an interpreter that is still its own.
# Ends: /something impossible/
import json
import os
import struct
import time


def handler(pd):
    head = json.dumps({"threads": [], "strays": 0, "memory": 0, "damage": False}).encode()
    body = struct.pack("<I", len(head)) + head
    os.write(1001, struct.pack("<BI", 0x86, len(body)) + body)
    time.sleep(60)
