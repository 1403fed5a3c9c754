"""`pd.inputs` is a dict, in whichever way it is read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "millrace_worker/runtime"))

from pipedream._inputs import PdInputs, _Declared
from pipedream._store import Store


def given(**named: Any) -> dict[str, Any]:
    return named


@pytest.mark.parametrize(
    "read",
    [
        dict,
        lambda inputs: {**inputs},
        lambda inputs: given(**inputs),
        lambda inputs: {} | inputs,
        lambda inputs: inputs.copy(),
        lambda inputs: {"crm": inputs.pop("crm")},
        lambda inputs: {"crm": inputs.setdefault("crm", {})},
        lambda inputs: dict(zip(inputs, inputs.values(), strict=True)),
    ],
)
def test_inputs_are_what_they_stand_for(read: Callable[[PdInputs], dict[str, Any]]) -> None:
    inputs = PdInputs([("crm", "store", "x"), ("seen", "store", "y")])
    assert all(type(value) is Store for value in read(inputs).values())


def test_what_is_not_there_is_as_in_a_dict() -> None:
    inputs = PdInputs([])
    assert list(inputs) == ["data_store"]
    assert inputs.pop("slack", 1) == 1
    with pytest.raises(KeyError):
        inputs.pop("slack")
    assert inputs.setdefault("slack", {}) == {}


def test_nothing_is_made_before_somebody_looks() -> None:
    inputs = PdInputs([("crm", "store", "x")])
    assert "crm" in inputs and len(inputs) == 1
    assert type(dict.__getitem__(inputs, "crm")) is _Declared
