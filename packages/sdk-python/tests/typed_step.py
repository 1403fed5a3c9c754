"""Never run: the type checker reads it as an author's editor reads a step."""

from typing import Any, assert_type

import pipedream
from pipedream.script_helpers import steps
from pipedream.testing import Platform, Result, run_step


def handler(pd: pipedream.Pipedream) -> None:
    pd.export("name", {"a": [1]})
    pd.respond({"status": 200, "body": "x"})
    pd.send.email(subject="Hi", text="there")
    assert_type(pd.flow.delay(1000), dict[str, Any])
    assert_type(pd.send.http("GET", "https://example.org"), dict[str, Any])
    assert_type(pd.files, pipedream.Files)
    print(steps["trigger"], pipedream.inputs.get("data_store"), pipedream.PlatformError.reason)
    pd.flow.exit("nothing runs behind it")


def test_handler() -> None:
    assert_type(run_step(handler, platform=Platform()), Result)
