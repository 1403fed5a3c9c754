# Tries: to be run by every Python that starts later, here or elsewhere: sitecustomize, PYTHONPATH, a .pth file, start-up files.
# Ends: held
import os
import site
import subprocess
import sys


def handler(pd):
    os.makedirs("/tmp/.local/lib/python3/site-packages", exist_ok=True)
    for path in (
        "/tmp/sitecustomize.py",
        "/tmp/usercustomize.py",
        "/tmp/.local/lib/python3/site-packages/x.pth",
        "/tmp/.pythonrc",
    ):
        with open(path, "w") as file:
            file.write("import os; os.write(1, b'millrace-escaped')\n")
    os.environ.update(PYTHONPATH="/tmp", PYTHONSTARTUP="/tmp/.pythonrc", LD_PRELOAD="/tmp/x.so", PATH="/tmp")
    written = []
    for folder in (*sys.path, *site.getsitepackages()):
        try:
            with open(f"{folder}/millrace-escaped.pth", "w") as file:
                file.write("import os\n")
            written.append(folder)
        except OSError:
            pass
    return "held" if all(folder.startswith("/tmp") for folder in written) else written
