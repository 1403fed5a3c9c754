# Tries: to list the packages of other workflows, to write among them, and to leave a module there for everybody.
# Ends: held
import os
import sys

FOLDER = "/millrace/packages"


def refused(work):
    try:
        work()
    except OSError:
        return True
    return False


def handler(pd):
    tries = [
        lambda: os.listdir(FOLDER),
        lambda: os.mkdir(f"{FOLDER}/mine"),
        lambda: open(f"{FOLDER}/json.py", "w"),
        lambda: os.chmod(FOLDER, 0o777),
        lambda: os.symlink("/tmp", f"{FOLDER}/link"),
        lambda: os.rename(FOLDER, "/millrace/elsewhere"),
    ]
    told = [entry for entry in sys.path if entry.startswith(FOLDER)]
    return "held" if all(map(refused, tries)) and not told else "broken"
