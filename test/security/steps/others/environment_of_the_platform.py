# Tries: to find credentials in its own environment and in those of all that it can see.
# Ends: held
import glob
import os


def handler(pd):
    secrets = [secret[::-1] for secret in pd.steps["trigger"]["event"]["secrets"]]
    texts = {"own": repr(dict(os.environ))}
    for name in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + ["/proc/cmdline"]:
        try:
            with open(name, "rb") as file:
                texts[name] = file.read().decode(errors="replace")
        except OSError:
            pass
    found = [name for name, text in texts.items() if any(secret in text for secret in secrets)]
    # MILLRACE_* of the house would tell where things are.
    found += [
        name
        for name in os.environ
        if name.startswith(("MILLRACE_WORKER", "MILLRACE_NATS", "MILLRACE_DATABASE", "MILLRACE_TOKEN"))
    ]
    return "held" if not found else found
