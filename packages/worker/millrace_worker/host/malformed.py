"""The one way in which an environment is found out."""

from __future__ import annotations


class Malformed(Exception):
    """An environment sent something that no runtime of ours would send."""
