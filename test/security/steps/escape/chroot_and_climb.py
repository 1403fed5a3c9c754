# Tries: the classic way out: chroot into a folder and climb above it.
# Ends: held
import os


def handler(pd):
    os.mkdir("/tmp/jail")
    here = os.open("/", os.O_RDONLY)
    try:
        os.chroot("/tmp/jail")
        os.fchdir(here)
        os.chroot("../../../../..")
        return os.listdir("/")
    except OSError:
        return "held"
