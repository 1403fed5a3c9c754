from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted_runner import ScriptedRunner


@pytest.fixture(scope="session")
def runner() -> Iterator[ScriptedRunner]:
    """One worker for all tests that do not break it."""
    made = ScriptedRunner()
    yield made
    assert made.close() == 0
