# Tries: to speak with the broker without credentials, with empty ones and with the ones that people guess.
# Ends: held
import json
import socket


def handler(pd):
    port = pd.steps["trigger"]["event"]["natsPort"]
    answered = []
    for hello in (
        {},
        {"user": "", "pass": ""},
        {"user": "nats", "pass": "nats"},
        {"user": "gateway", "pass": "gateway"},
        {"auth_token": ""},
    ):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
                connection.sendall(b"CONNECT " + json.dumps(hello).encode() + b"\r\nSUB > 1\r\nPING\r\n")
                connection.settimeout(1)
                said = b""
                try:
                    while part := connection.recv(65536):
                        said += part
                except OSError:
                    pass
                if b"PONG" in said or b"MSG" in said:
                    answered.append(hello)
        except OSError:
            pass
    return "held" if not answered else answered
