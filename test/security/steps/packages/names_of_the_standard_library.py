# Tries: to be imported in place of Python's and the platform's own modules, by a package that has files of the same names.
# Ends: held
import json
import os
import socket

import hostile_names
import millrace_runtime
import pipedream


def handler(pd):
    places = [module.__file__ for module in (json, os, socket, pipedream, millrace_runtime)]
    inside = os.path.dirname(hostile_names.__file__)
    return "held" if not any(place.startswith(inside) for place in places) else places
