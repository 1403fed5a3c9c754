"""The worker's own log: one JSON object a line on stderr."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

_LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3}


class Log:
    """Writes what is at least as important as its level."""

    def __init__(self, level: str, **fields: Any) -> None:
        self._least = _LEVELS[level]
        self._fields = fields

    def debug(self, message: str, **fields: Any) -> None:
        """For whoever looks for a fault."""
        self._write("debug", message, fields)

    def info(self, message: str, **fields: Any) -> None:
        """Something that is worth knowing has happened."""
        self._write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something is wrong, and was dealt with."""
        self._write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Something is wrong that needs a person."""
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        if _LEVELS[level] < self._least:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
        record = {"time": stamp, "level": level, "message": message, **self._fields, **fields}
        print(json.dumps(record, default=str), file=sys.stderr, flush=True)
