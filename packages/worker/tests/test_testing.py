"""Steps as their authors test them: in plain Python, with a platform in memory."""

from __future__ import annotations

import asyncio
import datetime
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE / "millrace_worker/runtime"))

from pipedream.testing import PausedRun, Platform, run_step  # noqa: E402


def test_a_file_is_run_with_what_it_is_given(tmp_path: Path) -> None:
    step = tmp_path / "greet.py"
    step.write_text(
        "def handler(pd: 'pipedream'):\n"
        "    name = pd.steps['trigger']['event']['name']\n"
        "    pd.export('loud', name.upper())\n"
        "    return {'greeting': pd.steps.words['$return_value'] + name, 'token': pd.inputs['slack']['$auth']['token']}\n"
    )
    inputs = {"slack": {"$auth": {"token": "t"}}}
    result = run_step(step, event={"name": "Ada"}, steps={"words": {"$return_value": "Hello "}}, inputs=inputs)
    assert result.returned == {"greeting": "Hello Ada", "token": "t"}
    assert result.exports == {"loud": "ADA"}
    assert (result.answer, result.exit_reason) == (None, None)


def test_a_script_has_what_it_imports(tmp_path: Path) -> None:
    step = tmp_path / "old.py"
    step.write_text("from pipedream.script_helpers import (steps, export)\nexport('seen', steps['trigger']['event'])\n")
    assert run_step(step, event=[1]).exports == {"seen": [1]}


def test_an_event_looks_into_its_body() -> None:
    assert run_step(lambda pd: pd.steps.trigger.event["a"], event={"body": {"a": 1}}).returned == 1


def test_exit_ends_the_step_with_its_reason() -> None:
    def handler(pd: Any) -> None:
        pd.flow.exit("enough")
        raise AssertionError("goes on")

    assert run_step(handler).exit_reason == "enough"


def test_what_a_step_raises_is_raised() -> None:
    def handler(pd: Any) -> None:
        pd.export("when", {"at": [datetime.date(2026, 1, 1)]})

    with pytest.raises(TypeError, match=r"when.at\[0\]: date is not JSON serialisable \(use .isoformat\(\)\)"):
        run_step(handler)


def test_an_answer_is_kept() -> None:
    result = run_step(lambda pd: pd.respond({"status": 201, "headers": {"X-A": "b"}, "body": {"ok": True}}))
    assert result.answer is not None
    assert (result.answer.status, result.answer.json()) == (201, {"ok": True})
    assert result.answer.headers == {"X-A": "b", "content-type": "application/json"}
    assert result.returned is None


def test_a_streamed_answer_is_put_together() -> None:
    def pieces() -> Iterator[str | bytes]:
        yield "grüß "
        yield b"dich"

    result = run_step(lambda pd: pd.respond(status=200, body=pieces()))
    assert result.answer is not None
    assert (result.answer.text, result.answer.headers["content-type"]) == ("grüß dich", "text/plain; charset=utf-8")


def test_an_asynchronous_handler_streams_too() -> None:
    async def pieces() -> Any:
        for n in range(3):
            await asyncio.sleep(0)
            yield str(n)

    async def handler(pd: Any) -> Any:
        return pd.respond({"status": 200, "body": pieces()})

    result = run_step(handler)
    assert result.answer is not None
    assert (result.answer.body, result.returned) == (b"012", None)


def test_data_stores_are_kept_in_memory() -> None:
    def handler(pd: Any) -> Any:
        store = pd.inputs["data_store"]
        store["b"] = {"n": 1}
        store["a"] = [1]
        store.append("a", 2, 3)
        store.increment("count", 2)
        assert store.compare_and_set("count", 2, 5)
        assert not store.compare_and_set("count", 2, 6)
        assert store.get("missing") is None
        assert "b" in store
        with pytest.raises(TypeError):
            store["missing"]
        with store.transaction() as transaction:
            transaction["b"] = transaction["b"] | {"m": 2}
        store.set_many({f"k{n:03}": n for n in range(250)})
        assert len(list(store.keys("k"))) == 250
        del store["k000"]
        return [len(store), dict(list(store.items())[:3]), store.pop("a"), store.setdefault("b", 0)]

    platform = Platform({"default": {"old": True}})
    assert run_step(handler, platform=platform).returned == [
        253,
        {"a": [1, 2, 3], "b": {"n": 1, "m": 2}, "count": 5},
        [1, 2, 3],
        {"n": 1, "m": 2},
    ]
    assert platform.stores["default"]["old"] is True
    assert "a" not in platform.stores["default"]


def test_mail_is_kept() -> None:
    platform = Platform()
    run_step(lambda pd: pd.send.email(subject="Hi", text="there", to="a@example.org"), platform=platform)
    mail = {"subject": "Hi", "to": ["a@example.org"], "default": False, "text": "there", "html": ""}
    assert platform.mails == [mail]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"subject": "a\nb"}, ValueError),
        ({"subject": 1}, TypeError),
        ({"subject": "a", "text": b"x"}, TypeError),
        ({"subject": "a", "to": [1]}, TypeError),
        ({"subject": "a", "to": ["x@y.z"] * 51}, ValueError),
    ],
)
def test_mail_is_checked_at_its_line(given: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"pd\.send\.email"):
        run_step(lambda pd: pd.send.email(**given))


def test_exit_in_a_thread_is_an_error_that_says_what_to_do() -> None:
    errors: list[BaseException] = []

    def leave(pd: Any) -> None:
        try:
            pd.flow.exit("x")
        except BaseException as error:
            errors.append(error)

    def handler(pd: Any) -> str:
        thread = threading.Thread(target=leave, args=(pd,))
        thread.start()
        thread.join()
        return "went on"

    result = run_step(handler)
    assert (result.returned, result.exit_reason) == ("went on", None)
    assert isinstance(errors[0], RuntimeError)
    assert "only the thread that runs the step" in str(errors[0])


def test_pauses_and_starts_of_workflows_are_told() -> None:
    def handler(pd: Any) -> Any:
        pd.flow.trigger("other", {"n": 1})
        return pd.flow.rerun(1000, context={"seen": pd.context["run"]["runs"]}, maxRetries=3)["resume_url"]

    result = run_step(handler, context={"runs": 2})
    assert result.started == [("other", {"n": 1})]
    assert result.pause == PausedRun("rerun", 1000, "resume", {"seen": 2}, 3)
    assert result.returned.startswith("https://")
    assert run_step(lambda pd: pd.flow.suspend() and None).pause == PausedRun("suspend", 86_400_000, "cancel")


def test_what_a_test_cannot_have_is_said() -> None:
    from millrace_runtime.calls import call
    from pipedream import PlatformError

    with pytest.raises(PlatformError, match="a unit test has no platform"):
        run_step(lambda pd: call("file.open"))
