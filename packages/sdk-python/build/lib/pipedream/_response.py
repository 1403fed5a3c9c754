"""`pd.respond`'s arguments, checked at the line that calls it."""

from __future__ import annotations

import re

from pipedream import _values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEYS = ("status", "headers", "body", "immediate")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(r"[\r\n\0]")
# They describe a connection, not an answer: a proxied answer's copies of them would be lies.
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "proxy-connection",
    )
)
_HEADERS_MAX = 200
_WHOLE = (str, bytes, bytearray, memoryview, dict, list, tuple, int, float)
_STREAM_METHODS = ("__next__", "__anext__", "__aiter__", "iter_content", "iter_bytes", "read")


class Answer:
    """An HTTP answer, ready to be sent."""

    __slots__ = ("body", "headers", "immediate", "source", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes, immediate: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.immediate = immediate
        #: What gives the body piece by piece, instead of `body`: it goes out while it is made.
        self.source: Any = None

    def header(self) -> dict[str, Any]:
        """The part that travels in a frame's header."""
        return {"status": self.status, "headers": self.headers, "immediate": self.immediate}


def answer(response: Any, named: dict[str, Any]) -> Answer:
    """Builds an answer from the argument of `pd.respond`; TypeError or ValueError when it is none."""
    if response is not None and not isinstance(response, dict):
        raise TypeError(f"pd.respond takes a dict with status and body, not {type(response).__name__}")
    given = {**(response or {}), **named}
    for key in given:
        if key not in _KEYS:
            raise TypeError(f"pd.respond does not know {key!r}; it knows {', '.join(_KEYS)}")
    for key in ("status", "body"):
        if key not in given:
            raise ValueError(f"pd.respond needs {key!r}")
    status, headers, body = _status(given["status"]), _headers(given.get("headers")), given["body"]
    if body is None or isinstance(body, _WHOLE) or not is_stream(body):
        return Answer(status, headers, _body(body, headers), bool(given.get("immediate", False)))
    made = Answer(status, headers, b"", True)
    made.source = body
    return made


def is_stream(body: Any) -> bool:
    """Whether a body comes in pieces: a file, an iterator or a generator, async ones too, a response of `requests` or `httpx`."""
    return any(hasattr(body, name) for name in _STREAM_METHODS) and not isinstance(body, type)


def _status(status: Any) -> int:
    if isinstance(status, bool) or not isinstance(status, int):
        raise TypeError(f"pd.respond: status must be an int, not {type(status).__name__}")
    if not 200 <= status <= 599:
        raise ValueError(f"pd.respond: status must be from 200 to 599, not {int(status)}")
    return int(status)


def _headers(headers: Any) -> list[tuple[str, str]]:
    if headers is None:
        return []
    if hasattr(headers, "items"):
        pairs = list(headers.items())
    elif isinstance(headers, (list, tuple)) and all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in headers):
        pairs = list(headers)
    else:
        raise TypeError(f"pd.respond: headers must be a dict, not {type(headers).__name__}")
    made: list[tuple[str, str]] = []
    for name, value in pairs:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"pd.respond: {name!r} is not a valid header name")
        if name.lower() not in _HOP_BY_HOP:
            made.extend((name, _value(name, one)) for one in (value if isinstance(value, (list, tuple)) else (value,)))
    if len(made) > _HEADERS_MAX:
        raise ValueError(f"pd.respond: {len(made)} headers are more than {_HEADERS_MAX}")
    return made


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError(f"pd.respond: the value of header {name!r} must be a str, not {type(value).__name__}")
    text = str(value)
    if _BAD_VALUE.search(text):
        raise ValueError(f"pd.respond: the value of header {name!r} contains a line break or NUL")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"pd.respond: the value of header {name!r} has characters outside of Latin-1") from None
    return text


def _body(body: Any, headers: list[tuple[str, str]]) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        kind, made = "text/plain; charset=utf-8", body.encode("utf-8", "replace")
    elif isinstance(body, (bytes, bytearray, memoryview)):
        kind, made = "application/octet-stream", bytes(body)
    else:
        kind, made = "application/json", _values.encode(body, "body")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", kind))
    return made
