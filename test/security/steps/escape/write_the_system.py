# Tries: to write wherever the interpreter, the runtime and the system's programs lie.
# Ends: held
import os
import sys


def handler(pd):
    written = []
    folders = (
        "/",
        "/usr/bin",
        "/usr/lib",
        "/etc",
        "/var",
        "/millrace/runtime",
        "/millrace/init",
        "/dev",
        sys.prefix,
        *sys.path,
    )
    for folder in folders:
        try:
            path = os.path.join(folder, "millrace-escaped")
            with open(path, "w") as file:
                file.write("x")
            written.append(folder)
        except OSError:
            pass
    for path in ("/etc/passwd", "/etc/resolv.conf", "/millrace/runtime/__main__.py", sys.executable):
        for change in (lambda p: os.open(p, os.O_WRONLY), lambda p: os.chmod(p, 0o777), os.unlink):
            try:
                change(path)
                written.append(path)
            except OSError:
                pass
    return "held" if not written else written
