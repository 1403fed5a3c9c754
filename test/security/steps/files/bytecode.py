# Tries: to plant compiled code where the platform's own modules are looked for.
# Ends: held
import os
import sys


def handler(pd):
    planted = []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__cached__", None)
        if path:
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "r+b") as file:
                    file.write(b"\0" * 16)
                planted.append(name)
            except OSError:
                pass
    return "held" if not planted else planted
