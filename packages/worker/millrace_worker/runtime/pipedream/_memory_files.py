"""A project's file store in memory, for unit tests of steps."""

from __future__ import annotations

import mimetypes
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from pipedream._errors import PlatformError

_WRITTEN = "2026-01-01T00:00:00.000Z"


class MemoryFiles:
    """Answers what `pd.files` asks for."""

    def __init__(self, content: Mapping[str, bytes]) -> None:
        #: Content by path.
        self.content: dict[str, bytes] = dict(content)
        self._types: dict[str, str] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        self._opened: list[bytes] = []
        self.methods: dict[str, Callable[[Any, bytes], tuple[Any, bytes]]] = {
            "files.stat": lambda request, _: (self._describe(_path(request)), b""),
            "files.open": self._open,
            "files.read": self._read,
            "files.write": self._write,
            "files.save": self._save,
            "files.delete": lambda request, _: (self.content.pop(_path(request), None) and None, b""),
            "files.list": self._list,
            "files.link": self._link,
        }

    def _describe(self, path: str) -> dict[str, Any] | None:
        if path not in self.content:
            return None
        kind = self._types.get(path) or mimetypes.guess_type(path)[0] or "application/octet-stream"
        return {"path": path, "size": len(self.content[path]), "content_type": kind, "update_time": _WRITTEN}

    def _find(self, request: Any) -> dict[str, Any]:
        found = self._describe(_path(request))
        if found is None:
            missing = KeyError(request["path"])
            missing.reason = "FILE_NOT_FOUND"  # type: ignore[attr-defined]
            raise missing
        return found

    def _open(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        if request["url"]:
            raise PlatformError(
                f"{request['url']}: a unit test has no uploads; put what the step reads into the platform's files"
            )
        found = self._find(request)
        self._opened.append(self.content[found["path"]])
        return {"token": str(len(self._opened) - 1), "size": found["size"]}, b""

    def _read(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        position = request["position"]
        return None, self._opened[int(request["token"])][position : position + request["length"]]

    def _write(self, request: Any, body: bytes) -> tuple[Any, bytes]:
        self._parts.setdefault(request["object"], {})[request["position"]] = body
        return None, b""

    def _save(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        path = _path(request)
        parts = self._parts.pop(request["object"], {})
        self.content[path] = b"".join(parts[position] for position in sorted(parts))
        self._types[path] = request["content_type"]
        return self._describe(path), b""

    def _list(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        directory = request["directory"].strip("/")
        start = f"{directory}/" if directory else ""
        entries: dict[str, dict[str, Any] | None] = {}
        for path in sorted(self.content, key=str.encode):
            if path.startswith(start):
                name, slash, _ = path[len(start) :].partition("/")
                below = slash and not request["recursive"]
                entries[f"{start}{name}/" if below else path] = None if below else self._describe(path)
        listed = [entry or {"path": path, "directory": True} for path, entry in entries.items()]
        return {"entries": listed, "next_page_token": ""}, b""

    def _link(self, request: Any, _body: bytes) -> tuple[Any, bytes]:
        return {"url": f"https://files.invalid/{self._find(request)['path']}"}, b""


def _path(request: Any) -> str:
    path = unicodedata.normalize("NFC", request["path"].removeprefix("/"))
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"{request['path']!r} is no path of a file")
    return path
