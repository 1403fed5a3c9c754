from __future__ import annotations

from collections.abc import Iterator

import pytest

from millrace_worker.generated import session_pb2 as pb
from scripted_runner import ScriptedRunner


@pytest.fixture(scope="session")
def runner() -> Iterator[ScriptedRunner]:
    """One worker for all tests that do not break it."""
    made = ScriptedRunner(pb.Configure(tmp_bytes=64 << 20))
    yield made
    assert made.close() == 0
