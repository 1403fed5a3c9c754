"""The import that Python steps without a handler have always used: `steps` and `export`."""

from __future__ import annotations

from typing import Any

from pipedream import _current

__all__ = ["export", "steps"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(_current.pd(), name)
    raise AttributeError(f"module 'pipedream.script_helpers' has no attribute {name!r}")
