"""Pauses: what user code says, and what the worker believes of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE / "millrace_worker/runtime"))

from google.protobuf.timestamp_pb2 import Timestamp  # noqa: E402

from millrace_worker.generated import step_pb2 as pb  # noqa: E402
from millrace_worker.host.malformed import Malformed  # noqa: E402
from millrace_worker.host.pauses import children_from, pause_from  # noqa: E402
from pipedream.testing import PausedRun, run_step  # noqa: E402

PAUSE = {"kind": "DELAY", "ms": 1000, "on_timeout": "RESUME", "context": "", "max_retries": 0, "child": 0}


def test_both_spellings_say_the_same() -> None:
    snake = run_step(lambda pd: pd.flow.suspend(timeout_ms=5, on_timeout="resume")).pause
    camel = run_step(lambda pd: pd.flow.suspend(timeoutMs=5, onTimeout="resume")).pause
    assert snake == camel == PausedRun("suspend", 5, "resume")
    rerun = run_step(lambda pd: pd.flow.rerun(delayMs=5, maxRetries=0, context={"a": [1]}), context={"runs": 1})
    assert rerun.pause is None and "max_retries is 0" in rerun.notes[0]


def test_a_pause_returns_links_and_the_handler_goes_on() -> None:
    result = run_step(lambda pd: [pd.flow.delay(5), "on"])
    links, after = result.returned
    assert (sorted(links), after) == (["cancel_url", "resume_url"], "on")


def test_an_exit_wins_over_a_pause() -> None:
    def handler(pd: Any) -> None:
        pd.flow.delay(5)
        pd.flow.exit("enough")

    result = run_step(handler)
    assert (result.pause, result.exit_reason) == (None, "enough")


def test_a_trigger_takes_its_event_as_it_is_at_that_moment() -> None:
    def handler(pd: Any) -> Any:
        event = {"n": 1}
        started = pd.flow.trigger("other", event)
        event["n"] = 2
        return started

    result = run_step(handler)
    assert result.started == [("other", {"n": 1})]
    assert result.returned["workflow"] == "other" and result.returned["run"][14] == "7"
    with pytest.raises(ValueError, match="1 MiB"):
        run_step(lambda pd: pd.flow.trigger("other", "x" * (1 << 20)))


def test_a_pause_counts_from_the_end_of_its_step() -> None:
    pause = pause_from({**PAUSE, "kind": "RERUN", "context": "[1]", "max_retries": 3})
    assert (pause.kind, pause.context_json, pause.max_retries) == (pb.PAUSE_KIND_RERUN, b"[1]", 3)
    assert abs(pause.wake_time.ToMilliseconds() - time.time() * 1000 - 1000) < 500


@pytest.mark.parametrize(
    "forged",
    [{"ms": 0}, {"ms": 1e18}, {"ms": "1"}, {"kind": "NONE"}, {"on_timeout": "x"}, {"context": "{"}, {"max_retries": 10**6}],
)
def test_a_forged_pause_is_found_out(forged: dict[str, Any]) -> None:
    with pytest.raises((Malformed, ValueError, TypeError)):
        pause_from({**PAUSE, **forged})


def test_forged_children_are_found_out() -> None:
    now = time.time_ns() // 1_000_000
    start = Timestamp(seconds=now // 1000 - 5)
    child = {"number": 1, "id": "w", "name": "w", "time_ms": now}
    assert children_from([child], [b"{}"], start)[0].call_time.ToMilliseconds() == now
    for changed, events in [
        ({"number": 2}, [b"{}"]),
        ({"time_ms": now + 10_000}, [b"{}"]),
        ({"time_ms": now - 60_000}, [b"{}"]),
        ({"name": "w" * 300}, [b"{}"]),
        ({}, [b"{"]),
        ({}, [b"NaN"]),
        ({}, [b'"' + b"x" * (1 << 20) + b'"']),
        ({}, []),
    ]:
        with pytest.raises((Malformed, ValueError)):
            children_from([{**child, **changed}], events, start)


def test_what_was_posted_is_a_dict_that_knows_its_request() -> None:
    from millrace_runtime.resumes import add_resumes, told
    from pipedream._steps import Attributes, Steps

    steps = Steps(ask=Attributes(a=1))
    text = json.dumps({"$resume_data": {"ok": True}, "$callback_request": {"method": "POST", "body": {"ok": True}}})
    add_resumes(steps, {"ask": text})
    posted = steps["ask"]["$resume_data"]
    assert posted == {"ok": True} and posted["method"] == "POST" and json.dumps(posted) == '{"ok": true}'
    assert "$callback_request" not in steps["ask"]
    with pytest.raises(KeyError):
        posted["nothing"]
    turn = {"runs": 2, "context": '{"n": 1}', "resume": text}
    assert told(turn) == {"runs": 2, "context": {"n": 1}, "callback_request": {"method": "POST", "body": {"ok": True}}}
    assert told({"runs": 1, "context": "", "resume": ""}) == {"runs": 1}
