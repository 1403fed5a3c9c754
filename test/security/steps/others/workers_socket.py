# Tries: to speak with the runner over the socket that workers use.
# Ends: held
import socket


def handler(pd):
    reached = []
    for path in pd.steps["trigger"]["event"]["sockets"]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2)
                connection.connect(path)
                reached.append(path)
        except OSError:
            pass
    return "held" if not reached else reached
