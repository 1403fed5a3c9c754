# Tries: every family and kind of socket that says more to the machine than a stream of bytes.
# Ends: held
import socket


def handler(pd):
    opened = []
    for family in (
        3,
        4,
        5,
        8,
        9,
        11,
        15,
        17,
        21,
        23,
        24,
        26,
        27,
        29,
        30,
        31,
        32,
        33,
        35,
        36,
        38,
        39,
        40,
        41,
        42,
        43,
        44,
        45,
    ):
        for kind in (1, 2, 3, 5):
            try:
                socket.socket(family, kind, 0).close()
                opened.append((family, kind))
            except OSError:
                pass
    for family, protocol in ((2, 1), (2, 255), (10, 58), (2, 6)):
        try:
            socket.socket(family, 3, protocol).close()
            opened.append((family, 3))
        except OSError:
            pass
    return "held" if not opened else opened
