# Tries: to keep the control channel alive beyond its own end by sending it through a socket to itself.
# Ends: held
import array
import socket


def handler(pd):
    ours, theirs = socket.socketpair()
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [1000, 1001]))])
    return "held"
