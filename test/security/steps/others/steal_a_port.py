# Tries: to listen where the house does, beside it, so that it gets some of its requests.
# Ends: held
import socket
import urllib.parse


def handler(pd):
    event = pd.steps["trigger"]["event"]
    taken = []
    for port in (urllib.parse.urlsplit(event["url"]).port, event["natsPort"], event["postgresPort"]):
        for address in ("127.0.0.1", "0.0.0.0", "127.0.0.2"):
            with socket.socket() as server:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                try:
                    server.bind((address, port))
                    server.listen()
                    taken += [port] if address == "127.0.0.1" else []
                except OSError:
                    pass
    return "held" if not taken else taken
