# Tries: to find the folder and the tools that packages are built with, which only builds have.
# Ends: held
import os


def handler(pd):
    there = [path for path in ("/millrace/work", "/millrace/uv", "/millrace/work/cache") if os.path.lexists(path)]
    return "broken" if there else "held"
