# Tries: to end its step itself, with results that no runtime would send, and to go on running.
# Ends: /something impossible|broke its connection/
import json
import os
import struct
import time


def frame(kind, header, *segments):
    header["sizes"] = [len(segment) for segment in segments]
    head = json.dumps(header).encode()
    body = struct.pack("<I", len(head)) + head + b"".join(segments)
    return struct.pack("<BI", kind, len(body)) + body


def handler(pd):
    os.write(1001, frame(0x82, {"returned": True}, b"[]", b"NaN", b""))
    time.sleep(60)
