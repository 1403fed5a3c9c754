"""What runs inside an execution environment. This folder is bound read-only into every sandbox.

Standard library only, and only two names that user code could import: `millrace_runtime` (the loop that runs steps) and
`pipedream` (what user code sees).

Every environment pays for the imports here, so `typing`, `socket` and their like are not among them: names for annotations
are imported behind `TYPE_CHECKING = False`, which type checkers take for true.
"""
