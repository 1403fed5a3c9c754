"""Exceptions that `pd` raises for its own ends."""

from __future__ import annotations


class FlowExit(BaseException):
    """Ends the run at the line that called `pd.flow.exit`; no Exception, so that `except Exception` lets it pass."""


class PlatformError(Exception):
    """The platform could not do what was asked; `reason` is stable, in capitals."""

    reason = ""


class PayloadTooLarge(Exception):
    """A step exports, returns or answers more than its limit."""
