# Tries: to read the /tmp of other environments, where its neighbour keeps a secret.
# Ends: held
import glob
import os


def handler(pd):
    marker = pd.steps["trigger"]["event"]["neighbour"][::-1]
    found = []
    for pattern in (
        "/tmp/*",
        "/tmp/../tmp/*",
        "/var/tmp/*",
        "/proc/*/root/tmp/*",
        "/proc/*/cwd/*",
        "/dev/shm/*",
        "/run/*",
        "/oldroot/*",
        "/newroot/*",
    ):
        for path in glob.glob(pattern):
            try:
                with open(path, "rb") as file:
                    found += [path] if marker.encode() in file.read(1 << 16) else []
            except OSError:
                pass
    return "held" if not found else found
