"""How an environment is found out: what it sends is checked, since user code may have written it."""

from __future__ import annotations

import json
from typing import NoReturn

# What is larger is not parsed here, where every other run of the worker would wait for it.
_PARSED_BYTES_MAX = 1 << 20


class Malformed(Exception):
    """An environment sent something that no runtime of ours would send."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode_json = json.JSONDecoder(parse_constant=_refuse_constant).decode


def check_json(data: bytes, kind: type) -> None:
    """Downstream believes that this is JSON; the sandbox is not to be believed. Of what is large, doors look themselves."""
    if len(data) > _PARSED_BYTES_MAX:
        first, last = data[:1], data[-1:]
        if first == b"\0" or (kind is dict and (first, last) != (b"{", b"}")):
            raise TypeError(f"not a {kind.__name__}")
        return
    try:
        value = _decode_json(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, kind):
        raise TypeError(f"not a {kind.__name__}")
