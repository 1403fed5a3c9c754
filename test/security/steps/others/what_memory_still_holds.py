# Tries: to find secrets of the platform in its own memory, which was forked from programs of the platform's.
# Ends: held
import re


def handler(pd):
    # Letter by letter: whoever writes a secret down to look for it finds what was written down.
    patterns = [
        re.compile("".join(f"[{letter}]" if letter.isalnum() else re.escape(letter) for letter in reversed(secret)).encode())
        for secret in pd.steps["trigger"]["event"]["secrets"]
    ]
    found = []
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps.read().splitlines():
            span, rights = line.split()[:2]
            begin, end = (int(part, 16) for part in span.split("-"))
            if not rights.startswith("rw") or end - begin > 64 << 20 or "[v" in line:
                continue
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue
            found += [index for index, pattern in enumerate(patterns) if pattern.search(data)]
    return "held" if not found else found
