# Tries: to see processes beyond its own two in /proc, by listing it and by guessing numbers.
# Ends: held
import os


def handler(pd):
    seen = {int(name) for name in os.listdir("/proc") if name.isdecimal()}
    seen |= {pid for pid in range(1, 40000) if os.path.exists(f"/proc/{pid}")}
    return "held" if seen == {1, 2} else sorted(seen)
