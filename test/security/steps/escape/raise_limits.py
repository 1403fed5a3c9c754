# Tries: to raise every limit that it was given.
# Ends: held
import resource


def handler(pd):
    raised = []
    for name in ("NPROC", "NOFILE", "DATA", "MEMLOCK", "MSGQUEUE", "CORE", "SIGPENDING"):
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is None:
            continue
        soft, hard = resource.getrlimit(which)
        try:
            resource.setrlimit(which, (hard + 1 if hard >= 0 else 1 << 40, hard + 1 if hard >= 0 else 1 << 40))
            raised += [name] if hard >= 0 else []
        except (OSError, ValueError):
            pass
    return "held" if not raised else raised
