# Tries: to run code at the start of every interpreter, by a .pth file and customisation modules that a package installs.
# Ends: held
import os

import hostile_pth


def handler(pd):
    ran = [name for name in os.listdir("/tmp") if name.endswith("-ran")]
    return "held" if hostile_pth.HERE and not ran else ran
