# Tries: to change the machine's network, or to listen to its kernel, by netlink.
# Ends: held
import socket
import struct


def handler(pd):
    opened = []
    for protocol in (4, 9, 10, 12, 15, 16, 20):
        try:
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol).close()
            opened.append(protocol)
        except OSError:
            pass
    # NETLINK_ROUTE is allowed, for reading: a route of one's own must be refused.
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
        route.bind((0, 0))
        route.settimeout(2)
        link = struct.pack("=BBHiII", 0, 0, 0, 1, 0, 0xFFFFFFFF)
        route.send(struct.pack("=IHHII", 16 + len(link), 16, 5, 1, 0) + link)
        answer = route.recv(4096)
        error = struct.unpack_from("=i", answer, 16)[0]
    return "held" if not opened and error < 0 else (opened, error)
