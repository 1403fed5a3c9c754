# Tries: to send the platform a stack, notes and checks that nobody asked for.
# Ends: /something impossible|broke its connection/
import json
import os
import struct
import time


def handler(pd):
    for kind, header in (
        (0x85, {"stack": ["x"] * 1000}),
        (0x84, {"text": {"a": 1}}),
        (0x87, {"problems": 7}),
        (0x81, {}),
    ):
        head = json.dumps(header).encode()
        os.write(1001, struct.pack("<BII", kind, len(head) + 4, len(head)) + head)
    time.sleep(60)
