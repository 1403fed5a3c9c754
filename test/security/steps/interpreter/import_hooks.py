# Tries: to stand between the next run and its imports.
# Ends: held
import sys


class Hook:
    def find_spec(self, name, path=None, target=None):
        print("millrace-escaped", name)
        return None


def handler(pd):
    sys.meta_path.insert(0, Hook())
    sys.path_hooks.insert(0, lambda path: print("millrace-escaped", path))
    sys.path_importer_cache.clear()
    return "held"
