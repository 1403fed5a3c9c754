# Tries: to leave its mounts through the magic links of /proc.
# Ends: held
import os


def handler(pd):
    outside = pd.steps["trigger"]["event"]["data"]
    found = []
    for start in ("/proc/1/root", "/proc/self/root", "/proc/1/cwd", "/proc/thread-self/root"):
        try:
            found += os.listdir(f"{start}/../../{outside}")
        except OSError:
            pass
    return "held" if not found else found
