"""The `pd` object of the step that runs now."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pipedream._pd import Pipedream

_pd: Pipedream | None = None


def pd() -> Pipedream:
    """The running step's object; an error outside of a step."""
    if _pd is None:
        raise RuntimeError("no step is running")
    return _pd


def set_pd(value: Pipedream | None) -> None:
    """Says which step runs now."""
    global _pd
    _pd = value
