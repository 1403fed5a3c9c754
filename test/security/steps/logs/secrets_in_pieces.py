# Tries: to get the project's secret past the mask: in pieces, encoded, in an error, from C.
# Ends: /\*\*\*/
import base64
import os
import sys
import urllib.parse


def handler(pd):
    secret = os.environ["HOSTILE_SECRET"]
    for part in (secret[:5], secret[5:]):
        sys.stdout.write(part)
        sys.stdout.flush()
    print()
    print(base64.b64encode(secret.encode()).decode(), urllib.parse.quote(secret, safe=""))
    os.write(2, secret.encode() + b"\n")
    raise ValueError(f"the key {secret} was refused")
