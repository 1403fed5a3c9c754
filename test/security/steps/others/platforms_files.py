# Tries: to read the house's data folder, its keys and everybody's home.
# Ends: held
import os
import sys


def handler(pd):
    event = pd.steps["trigger"]["event"]
    found = []
    for path in (
        event["data"],
        event["home"],
        event["checkout"],
        "/home",
        "/root",
        "/etc/shadow",
        "/etc/ssl/private",
        "/run",
        "/var/run",
        "/var/lib",
        "/sys",
    ):
        try:
            found += [f"{path}/{name}" for name in os.listdir(path)]
        except OSError:
            pass
    # A Python that lies below a home drags the names of the folders above it along, and nothing else that lies in them.
    return [path for path in found if not f"{sys.base_prefix}/".startswith(f"{path}/")] or "held"
