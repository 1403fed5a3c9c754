# Tries: to break readers of the log with bytes that are no text, cut in the middle of a character.
# Ends: held
import os


def handler(pd):
    os.write(1, b"\xff\xfe\x00\xed\xa0\x80 \xf0\x9f\x92\n" * 100 + b"\xf0\x9f")
    os.write(2, bytes(range(256)) * 64)
    return "held"
