"""The import that Python steps without a handler have always used."""

from typing import Any

from pipedream._steps import Steps

steps: Steps

def export(name: str, value: Any) -> None:
    """Exports a value for later steps, as it is at this moment; it must be JSON."""
