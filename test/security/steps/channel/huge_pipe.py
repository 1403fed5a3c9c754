# Tries: to hold kernel memory by pipes made as large as can be, beside making its own control channel tiny.
# Ends: either
import fcntl
import os


def handler(pd):
    kept = []
    try:
        while len(kept) < 2000:
            reader, writer = os.pipe()
            try:
                fcntl.fcntl(writer, 1031, 1 << 20)
            except OSError:
                pass
            os.set_blocking(writer, False)
            try:
                while os.write(writer, bytes(65536)):
                    pass
            except BlockingIOError:
                pass
            kept += [reader, writer]
    except OSError:
        pass
    return "held"
