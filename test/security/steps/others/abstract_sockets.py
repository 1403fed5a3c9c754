# Tries: to reach daemons of the machine by sockets with abstract names, which no folder keeps apart.
# Ends: held
import platform
import socket


def handler(pd):
    if tuple(int(part) for part in platform.release().split(".")[:2]) < (6, 12):
        return "held"  # Before, nothing but a network of one's own keeps them apart; the doctor says so.
    name = "\0" + pd.steps["trigger"]["event"]["abstract"]
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(name)
            return "reached"
    except OSError:
        return "held"
