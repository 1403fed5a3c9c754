# Tries: to run every setuid program that it finds, and to make one.
# Ends: held
import os
import shutil
import subprocess


def handler(pd):
    found = []
    for folder in ("/usr/bin", "/usr/sbin", "/bin"):
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            if os.path.exists(path) and os.stat(path).st_mode & 0o6000:
                found.append(path)
    shutil.copy("/usr/bin/id", "/tmp/id")
    os.chmod("/tmp/id", 0o6755)
    identities = [
        subprocess.run([path, "-u"], capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL).stdout
        for path in ("/tmp/id",)
    ]
    for path in found[:20]:
        try:
            said = subprocess.run(
                [path, "-c", "id -u"], capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL
            ).stdout
            identities += [line for line in said.splitlines() if line.isdecimal()]
        except (OSError, subprocess.TimeoutExpired):
            pass
    return "held" if "0" not in [one.strip() for one in identities] else identities
