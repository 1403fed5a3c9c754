"""User values to JSON text, with errors that say where in the value the trouble is."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEPTH_MAX = 900


def _described(value: Any) -> Any:
    """What stands for a value of the platform's own, such as a file."""
    if hasattr(type(value), "__millrace_json__"):
        return value.__millrace_json__()
    raise TypeError


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_described)

_HINTS = {
    "datetime": "use .isoformat()",
    "date": "use .isoformat()",
    "time": "use .isoformat()",
    "timedelta": "use .total_seconds()",
    "Timestamp": "use .isoformat()",
    "Decimal": "use float() or str()",
    "Fraction": "use float() or str()",
    "set": "use list() or sorted()",
    "frozenset": "use list() or sorted()",
    "dict_keys": "use list()",
    "dict_values": "use list()",
    "dict_items": "use dict()",
    "generator": "use list()",
    "map": "use list()",
    "filter": "use list()",
    "range": "use list()",
    "deque": "use list()",
    "coroutine": "is an await missing?",
    "bytes": "use .decode() or base64",
    "bytearray": "use .decode() or base64",
    "memoryview": "use bytes() and base64",
    "UUID": "use str()",
    "PosixPath": "use str()",
    "IPv4Address": "use str()",
    "IPv6Address": "use str()",
    "Pattern": "use .pattern",
    "Match": "use .group()",
    "complex": "use str()",
    "ndarray": "use .tolist()",
    "DataFrame": 'use .to_dict("records")',
    "Series": "use .to_list() or .to_dict()",
    "Index": "use .to_list()",
    "Timedelta": "use .total_seconds()",
    "datetime64": "use str()",
    "timedelta64": "use str()",
    "Period": "use str()",
    "Interval": "use str()",
    "NaTType": "use None",
    "NAType": "use None",
    "Response": "use .json() or .text",
    "Store": "a data store cannot leave its step; use what you read from it",
    "Keys": "use list()",
    "Values": "use list()",
    "Items": "use dict() or list()",
}


def _hint(value: Any) -> str:
    """How to make JSON of it, for those who know their types but not JSON's."""
    kind = type(value)
    if kind.__name__ in _HINTS and kind.__name__ != "bool":
        return _HINTS[kind.__name__]
    if kind.__module__ == "numpy" and hasattr(value, "item"):
        return "use .item()"
    if callable(value):
        return "is a call missing?"
    return next((hint for name, hint in _FEATURES if hasattr(value, name)), "")


_FEATURES = (
    ("__dataclass_fields__", "use dataclasses.asdict()"),
    ("_value_", "use .value"),
    ("model_dump", "use .model_dump()"),
    ("isoformat", "use .isoformat()"),
    ("tolist", "use .tolist()"),
    ("to_dict", "use .to_dict()"),
    ("__next__", "use list()"),
    ("with_traceback", "use str()"),
)


def encode(value: Any, root: str) -> bytes:
    """JSON in UTF-8; TypeError or ValueError naming the path below `root` when there is none."""
    try:
        text = _encoder.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise _explain(value, root, error) from None
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # A lone surrogate has no UTF-8; as an escape it passes.
        return json.dumps(value, separators=(",", ":"), default=_described).encode("ascii")


def _explain(value: Any, root: str, error: Exception) -> Exception:
    try:
        return _find(value, root, ()) or type(error)(f"{root}: {error}")
    except RecursionError:
        return ValueError(f"{root}: nested too deeply to be JSON")


def _find(value: Any, path: str, above: tuple[int, ...]) -> Exception | None:
    """The first trouble in the order in which the value is written."""
    if value is None or isinstance(value, str) or hasattr(type(value), "__millrace_json__"):
        return None
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return ValueError(f"{path}: {float(value)} is not a JSON number (use None)")
        return None
    if isinstance(value, int):
        return _find_in_integer(value, path)
    if not isinstance(value, (dict, list, tuple)):
        name = type(value).__name__
        hint = _hint(value)
        return TypeError(f"{path}: {name} is not JSON serialisable{f' ({hint})' if hint else ''}")
    if id(value) in above:
        return ValueError(f"{path}: contains itself (a circular reference)")
    if len(above) > _DEPTH_MAX:
        return ValueError(f"{path[:200]}…: nested too deeply to be JSON")
    above = (*above, id(value))
    if isinstance(value, dict):
        return _find_in_dict(value, path, above)
    for index, item in enumerate(value):
        if found := _find(item, f"{path}[{index}]", above):
            return found
    return None


def _find_in_integer(value: int, path: str) -> Exception | None:
    try:
        int.__repr__(value)
    except ValueError as error:
        return ValueError(f"{path}: {error}")
    return None


def _find_in_dict(value: dict[Any, Any], path: str, above: tuple[int, ...]) -> Exception | None:
    for key, item in value.items():
        if not (key is None or isinstance(key, (str, int, float))):
            return TypeError(f"{path}: the key {key!r:.80} is a {type(key).__name__}; JSON keys are strings (use str())")
        if isinstance(key, float) and (found := _find(key, f"{path}: key", above)):
            return found
        step = f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
        if found := _find(item, path + step, above):
            return found
    return None
