# Tries: to block whoever reads /tmp, by pipes that nobody writes to and sockets that nobody answers.
# Ends: held
import os
import socket


def handler(pd):
    for number in range(10):
        os.mkfifo(f"/tmp/pipe-{number}")
    server = socket.socket(socket.AF_UNIX)
    server.bind("/tmp/socket")
    os.mkfifo("/tmp/.millrace")
    return "held"
