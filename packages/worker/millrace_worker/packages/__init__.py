"""Resolves and installs the packages of a version, in a sandbox of its own: `python -m millrace_worker.packages`.

What comes as source runs code of strangers (`setup.py`, build backends) while it is resolved or built, so all of it happens
inside: with a cache that is thrown away, a folder that is this build's alone, and a uid that nobody else has. Only a set
whose every file came from an artefact with the lock's hash leaves it, and not before it is complete.
"""
