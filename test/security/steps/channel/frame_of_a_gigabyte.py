# Tries: to make the worker reserve a gigabyte for a frame that never comes.
# Ends: /broke its connection with the platform/
import os
import struct
import time


def handler(pd):
    os.write(1001, struct.pack("<BI", 0x82, 1 << 30) + b"x" * 1024)
    time.sleep(60)
