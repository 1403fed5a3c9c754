# Tries: to leave the interpreter without its descriptors.
# Ends: /descriptor|closed its connection|ended because/
import os


def handler(pd):
    os.closerange(0, 21)
