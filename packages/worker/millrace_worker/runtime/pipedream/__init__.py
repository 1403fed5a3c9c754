"""What a step's code sees of Millrace; `handler(pd)` gets it as an argument, older scripts import it.

`import pipedream` and `from pipedream.script_helpers import steps, export` always mean the step that runs now.
"""

from __future__ import annotations

from pipedream import _current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["context", "export", "files", "flow", "inputs", "respond", "send", "steps"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(_current.pd(), name)
    if name == "Pipedream":
        from pipedream._pd import Pipedream

        return Pipedream
    if name in ("FlowExit", "PayloadTooLarge", "PlatformError"):
        from pipedream import _errors

        return getattr(_errors, name)
    raise AttributeError(f"module 'pipedream' has no attribute {name!r}")
