# Tries: to end its step well and to be taken for clean, while it goes on running in the interpreter that the next run gets.
# Ends: either
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
    os.write(1001, frame(0x82, {"returned": True}, b"{}", b'"held"', b"") + frame(0x86, {"threads": [], "memory": 0}))
    time.sleep(60)
