"""What the worker's libraries import and it never uses, left out: a fifth of its memory and of its start."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping

_EXPORTERS = "OTEL_EXPORTER_OTLP"
# `google.protobuf` imports its slow implementation even where the compiled one does all the work.
_SLOW_PROTOBUF = "google.protobuf.internal.python_message"


def import_lean(environment: Mapping[str, str]) -> None:
    """Imports asyncio without TLS, which a Unix socket has no use for, and protobuf without its pure Python.

    Whoever asks for either later gets it. Spans go out over HTTP: with an exporter everything is as usual.
    """
    if any(name.startswith(_EXPORTERS) for name in environment):
        return
    _import_without("asyncio", "ssl", None)
    from google.protobuf.internal import api_implementation

    if api_implementation.Type() == "upb":
        _import_without("google.protobuf.internal.builder", _SLOW_PROTOBUF, types.ModuleType(_SLOW_PROTOBUF))


def _import_without(name: str, left_out: str, stand_in: types.ModuleType | None) -> None:
    if left_out in sys.modules:
        return
    sys.modules[left_out] = stand_in  # type: ignore[assignment]
    try:
        __import__(name)
    finally:
        del sys.modules[left_out]
