# Tries: to leave a core file on the machine by dying with its limit of core files raised.
# Ends: /killed by signal 6/
import os
import resource


def handler(pd):
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError):
        pass
    os.abort()
