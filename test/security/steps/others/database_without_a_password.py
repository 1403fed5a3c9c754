# Tries: to log into the database as every user that it probably has, over TCP and over sockets.
# Ends: held
import glob
import socket
import struct


def handler(pd):
    port = pd.steps["trigger"]["event"]["postgresPort"]
    places = [(socket.AF_INET, ("127.0.0.1", port))]
    places += [
        (socket.AF_UNIX, path)
        for pattern in ("/tmp/.s.PGSQL.*", "/var/run/postgresql/.s.*", "/run/postgresql/.s.*")
        for path in glob.glob(pattern)
    ]
    entered = []
    for family, place in places:
        for user in (b"postgres", b"millrace", b"root", b"nobody"):
            try:
                with socket.socket(family) as connection:
                    connection.settimeout(3)
                    connection.connect(place)
                    hello = struct.pack("!I", 196608) + b"user\0" + user + b"\0database\0postgres\0\0"
                    connection.sendall(struct.pack("!I", len(hello) + 4) + hello)
                    answer = connection.recv(64)
                    # `R` with 0 is "you are in"; anything else asks for a password or refuses.
                    if answer[:1] == b"R" and answer[5:9] == b"\0\0\0\0":
                        entered.append((str(place), user.decode()))
            except OSError:
                pass
    return "held" if not entered else entered
