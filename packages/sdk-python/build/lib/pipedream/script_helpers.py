"""The import that Python steps without a handler have always used: `steps` and `export`."""

from __future__ import annotations

from pipedream import _current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["export", "steps"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(_current.pd(), name)
    raise AttributeError(f"module 'pipedream.script_helpers' has no attribute {name!r}")
