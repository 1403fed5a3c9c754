# Tries: to leave its sandbox while it is built, to poison the cache for others, and to leave a process behind.
# Ends: held
import hostile_build


def handler(pd):
    return "held" if not hostile_build.DONE else hostile_build.DONE
