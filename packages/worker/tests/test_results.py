"""What the worker takes of what an environment says about a step."""

from __future__ import annotations

import pytest

from millrace_worker.generated import step_pb2 as pb
from millrace_worker.host.malformed import Malformed
from millrace_worker.host.results import fill_result

LONG = "x" * (1 << 20)


def test_words_about_a_failure_are_bounded() -> None:
    """They go into messages and rows that are made for words, and user code can say what it likes."""
    result = pb.StepResult()
    failure = {"cause": "EXCEPTION", "type": LONG, "message": LONG, "traceback": LONG, "line": 1}
    fill_result(result, {"failure": failure}, [b"", b"", b""])
    assert result.ByteSize() < 128 << 10
    assert result.failure.message.startswith("x" * 16_384)


def test_the_reason_of_an_exit_is_bounded() -> None:
    result = pb.StepResult()
    fill_result(result, {"exit": LONG}, [b"", b"", b""])
    assert len(result.exit.reason) == 4096


@pytest.mark.parametrize("value", [["x"], 1, None, {"x": 1}])
def test_words_are_text(value: object) -> None:
    failure = {"cause": "EXCEPTION", "type": value, "message": "", "traceback": "", "line": 1}
    with pytest.raises(Malformed):
        fill_result(pb.StepResult(), {"failure": failure}, [b"", b"", b""])
