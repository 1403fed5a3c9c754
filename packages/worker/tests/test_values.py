"""What user values become, and what is said when they cannot."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE / "millrace_worker/runtime"))

from pipedream import _response, _values  # noqa: E402
from pipedream._errors import PayloadTooLarge  # noqa: E402
from pipedream._inputs import PdInputs  # noqa: E402
from pipedream._pd import Pipedream, Record, Run  # noqa: E402
from pipedream._steps import Event, Steps  # noqa: E402


class Colour(enum.IntEnum):
    RED = 1


class Size(enum.Enum):
    LARGE = object()


@dataclasses.dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1.5,
        2**100,
        "ü€😀",
        "\0",
        [],
        {"a": [{"b": {}}]},
        {"__proto__": 1, "": 2},
        collections.OrderedDict(a=1),
    ],
)
def test_json_goes_through_as_it_is(value: Any) -> None:
    assert json.loads(_values.encode(value, "x")) == value


def test_what_json_has_a_form_for_takes_it() -> None:
    assert _values.encode({2: (1, 2), None: Colour.RED, True: 1.0}, "x") == b'{"2":[1,2],"null":1,"true":1.0}'
    assert json.loads(_values.encode("a\ud800b", "x")) == "a\ud800b"


loop: list[Any] = []
loop.append({"again": loop})
deep: list[Any] = []
for _ in range(100_000):
    deep = [deep]


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ({"stats": [0, 1, 2, {"when": datetime.datetime(2026, 1, 1)}]}, TypeError, "pokemon.stats[3].when: datetime is not JSON"),
        (datetime.date(2026, 1, 1), TypeError, "pokemon: date is not JSON serialisable (use .isoformat())"),
        ([{1}], TypeError, "pokemon[0]: set is not JSON serialisable (use list() or sorted())"),
        ({"a b": decimal.Decimal(1)}, TypeError, "pokemon['a b']: Decimal is not JSON serialisable (use float() or str())"),
        ([b""], TypeError, "pokemon[0]: bytes is not JSON serialisable"),
        ((x for x in "a"), TypeError, "pokemon: generator is not JSON serialisable (use list())"),
        ({"a": {(1, 2): 3}}, TypeError, "pokemon.a: the key (1, 2) is a tuple; JSON keys are strings (use str())"),
        ([1, float("inf")], ValueError, "pokemon[1]: inf is not a JSON number (use None)"),
        ({"x": float("nan")}, ValueError, "pokemon.x: nan is not a JSON number (use None)"),
        ({float("nan"): 1}, ValueError, "pokemon: key: nan is not a JSON number"),
        (loop, ValueError, "pokemon[0].again: contains itself"),
        (deep, ValueError, "nested too deeply to be JSON"),
        ([10**5000], ValueError, "pokemon[0]: Exceeds the limit"),
        (object(), TypeError, "pokemon: object is not JSON serialisable"),
        (uuid.uuid4(), TypeError, "pokemon: UUID is not JSON serialisable (use str())"),
        (Path("x"), TypeError, "pokemon: PosixPath is not JSON serialisable (use str())"),
        (Size.LARGE, TypeError, "pokemon: Size is not JSON serialisable (use .value)"),
        (Point(1), TypeError, "pokemon: Point is not JSON serialisable (use dataclasses.asdict())"),
        (len, TypeError, "is not JSON serialisable (is a call missing?)"),
        (ValueError("x"), TypeError, "pokemon: ValueError is not JSON serialisable (use str())"),
        (iter([1]), TypeError, "pokemon: list_iterator is not JSON serialisable (use list())"),
    ],
)
def test_the_error_names_the_path(value: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as raised:
        _values.encode(value, "pokemon")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("response", "kind", "message"),
    [
        ("text", TypeError, "takes a dict"),
        ({"body": 1}, ValueError, "needs 'status'"),
        ({"status": 200}, ValueError, "needs 'body'"),
        ({"status": "200", "body": 1}, TypeError, "must be an int, not str"),
        ({"status": True, "body": 1}, TypeError, "must be an int, not bool"),
        ({"status": 199, "body": 1}, ValueError, "from 200 to 599"),
        ({"status": 1000, "body": 1}, ValueError, "from 200 to 599"),
        ({"status": 200, "body": {1, 2}}, TypeError, "body: set is not JSON serialisable"),
        ({"status": 200, "body": 1, "headers": "x"}, TypeError, "must be a dict"),
        ({"status": 200, "body": 1, "headers": {"a b": "x"}}, ValueError, "not a valid header name"),
        ({"status": 200, "body": 1, "headers": {"": "x"}}, ValueError, "not a valid header name"),
        ({"status": 200, "body": 1, "headers": {"a\r\nb": "x"}}, ValueError, "not a valid header name"),
        ({"status": 200, "body": 1, "headers": {"a": "x\r\nset-cookie: y"}}, ValueError, "line break"),
        ({"status": 200, "body": 1, "headers": {"a": "€"}}, ValueError, "Latin-1"),
        ({"status": 200, "body": 1, "headers": {"a": None}}, TypeError, "must be a str, not NoneType"),
        ({"status": 200, "body": 1, "stauts": 1}, TypeError, "does not know 'stauts'"),
    ],
)
def test_answers_are_checked(response: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as raised:
        _response.answer(response, {})
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("body", "sent", "content_type"),
    [
        ({"a": [1]}, b'{"a":[1]}', "application/json"),
        (1.5, b"1.5", "application/json"),
        ("grüß", "grüß".encode(), "text/plain; charset=utf-8"),
        (b"\0\xff", b"\0\xff", "application/octet-stream"),
        (None, b"", None),
    ],
)
def test_bodies_get_a_content_type(body: Any, sent: bytes, content_type: str | None) -> None:
    made = _response.answer({"status": 200, "body": body}, {})
    assert (made.body, dict(made.headers).get("content-type")) == (sent, content_type)
    given = _response.answer(
        None, {"status": 204, "body": body, "headers": {"Content-Type": "x/y", "Connection": "close", "A": 1}}
    )
    assert given.headers == [("Content-Type", "x/y"), ("A", "1")]


def _type_of(module: str, name: str, **members: Any) -> Any:
    """A stand-in for a type of a library that tests do without; its hint goes by names and methods alone."""
    return type(name, (), {"__module__": module, **members})()


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (_type_of("numpy", "int64", item=lambda self: 1, tolist=lambda self: 1), "use .item()"),
        (_type_of("numpy", "bool", item=lambda self: True, tolist=lambda self: True), "use .item()"),
        (_type_of("numpy", "ndarray", item=lambda self: 1, tolist=lambda self: []), "use .tolist()"),
        (_type_of("pandas", "Timestamp", isoformat=lambda self: ""), "use .isoformat()"),
        (_type_of("pandas", "DataFrame", to_dict=lambda self: {}), 'use .to_dict("records")'),
        (_type_of("pandas", "Series", to_dict=lambda self: {}), "use .to_list() or .to_dict()"),
        (_type_of("pandas", "NAType"), "use None"),
        (_type_of("requests.models", "Response", __iter__=lambda self: iter(())), "use .json() or .text"),
    ],
)
def test_values_of_libraries_get_the_hint_that_helps(value: Any, hint: str) -> None:
    with pytest.raises(TypeError) as raised:
        _values.encode({"rows": [value]}, "x")
    assert str(raised.value) == f"x.rows[0]: {type(value).__name__} is not JSON serialisable ({hint})"


def pd(bytes_max: int = 1000, nobody_waits: bool = False) -> tuple[Pipedream, Record, list[str]]:
    notes: list[str] = []
    record = Record(bytes_max, notes.append, lambda answer: notes.append("sent"))
    return Pipedream(Steps(), {}, PdInputs([]), Run(nobody_waits), record), record, notes


def test_exports_are_snapshots() -> None:
    made, record, _ = pd()
    value = {"a": 1}
    made.export("x", value)
    value["a"] = 2
    assert record.exports_json() == b'{"x":{"a":1}}'


def test_what_is_too_large_leaves_what_was_there() -> None:
    made, record, _ = pd()
    made.export("x", 1)
    with pytest.raises(PayloadTooLarge):
        made.export("x", "y" * 1000)
    with pytest.raises(PayloadTooLarge):
        made.respond(status=200, body="y" * 1000)
    assert record.exports_json() == b'{"x":1}'
    assert record.answer is None
    made.respond(status=200, body="y", immediate=True)


@pytest.mark.parametrize("name", ["", "$return_value", "x" * 257, 1, None])
def test_names_of_exports_are_checked(name: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        pd()[0].export(name, 1)


def test_the_first_answer_stands() -> None:
    made, record, notes = pd()
    made.respond({"status": 200, "body": "a"}, immediate=True)
    made.respond({"status": 201, "body": "b"})
    assert record.answer is not None
    assert (record.answer.status, notes[0]) == (200, "sent")
    assert "the first answer stands" in notes[1]


def test_an_answer_that_nobody_waits_for_is_kept_with_a_note() -> None:
    made, record, notes = pd(nobody_waits=True)
    made.respond({"status": 200, "body": "a"})
    assert record.answer is not None
    assert "nobody waits" in notes[0]


def test_an_event_without_a_json_body_is_a_plain_dict() -> None:
    event = Event({"body": "text"})
    assert "x" not in event
    assert event.get("x") is None
    with pytest.raises(KeyError):
        event["x"]
    with pytest.raises(AttributeError):
        _ = event.x
    assert 7 not in Event({"body": {"a": 1}})


def test_the_checker_prints_where_sources_do_not_compile() -> None:
    steps = [{"path": "steps/0", "name": "a", "file_name": "a.py", "source": "x ="}]
    command = [sys.executable, "-m", "millrace_worker.check"]
    done = subprocess.run(command, cwd=PACKAGE, input=json.dumps({"steps": steps}), capture_output=True, text=True)
    problem = {"path": "steps/0", "name": "a", "file": "a.py", "line": 1, "column": 4, "message": "SyntaxError: invalid syntax"}
    assert (done.returncode, json.loads(done.stdout)) == (1, {"errors": [problem]})
    bad = subprocess.run(command, cwd=PACKAGE, input="[" * 100_000, capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (2, "")


def test_generated_code_is_what_the_contract_generates(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(PACKAGE / "scripts/generate.py"), str(tmp_path)], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in (PACKAGE / "millrace_worker/generated").glob("*_pb2*")}
    assert made == kept
