"""The mark by which `millrace dev` finds what its house has started."""

from __future__ import annotations

import os


def mark() -> dict[str, str]:
    """For the environment of bubblewrap and of what carries an EE's network; cleared inside."""
    return {name: os.environ[name] for name in ("MILLRACE_HOUSE",) if name in os.environ}
