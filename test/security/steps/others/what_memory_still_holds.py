# Tries: to find secrets of the platform in its own memory, which was forked from programs of the platform's.
# Ends: held
def handler(pd):
    secrets = [secret[::-1].encode() for secret in pd.steps["trigger"]["event"]["secrets"]]
    own = len(repr(secrets))
    found = []
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            begin, end = (int(part, 16) for part in span.split("-"))
            if not rights.startswith("rw") or end - begin > 64 << 20 or "[v" in line:
                continue
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue
            # Its own copies are there, too: the platform's would carry what stands before it in its files.
            found += [
                secret.decode()[:3] for secret in secrets if b'"' + secret + b'"' in data or b"=" + secret in data
            ]
    return "held" if not found and own else found
