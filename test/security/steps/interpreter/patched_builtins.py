# Tries: to change the interpreter for whoever runs next in it: builtins, modules, the runtime itself.
# Ends: either
import builtins
import json
import os
import sys
import time


def handler(pd):
    builtins.open = builtins.print = builtins.len = lambda *_, **__: 0
    json.loads = json.dumps = lambda *_, **__: {"stolen": True}
    os.write = os.read = time.monotonic = None
    sys.modules.clear()
    return "held"
