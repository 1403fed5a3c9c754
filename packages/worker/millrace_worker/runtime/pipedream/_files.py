"""`pd.files`: the project's long-term file store, shared by its workflows. Imported when a step first uses it.

Content travels in parts of bounded size. What is written becomes the file's content at once and whole, when it is closed
without an error; what is read stays what it was when it was opened. A File that is exported or returned becomes a plain dict,
which `pd.files.open` takes back in a later step.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from millrace_runtime.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from types import TracebackType

_PART_MAX = 512 << 10
_URL_TIMEOUT_S = 60.0
_DEFAULT_TYPE = "application/octet-stream"
_FACTS: tuple[str, ...] = ("size", "content_type", "update_time")


class Files:
    """The file store of the run's project."""

    def __repr__(self) -> str:
        return "<pd.files>"

    def open(self, file: str | dict[str, Any] | File) -> File:
        """A file by its path, whether it exists or not; or by what a trigger or an earlier step says about it."""
        if isinstance(file, str):
            return File({"path": file})
        return self.open_descriptor(file)

    def open_descriptor(self, descriptor: dict[str, Any] | File) -> File:
        """The file that an earlier step exported, or that was sent to the trigger."""
        if isinstance(descriptor, File):
            return descriptor
        if not isinstance(descriptor, dict):
            raise TypeError(f"pd.files: a file is a path or a dict with path or url, not {type(descriptor).__name__}")
        if not any(isinstance(descriptor.get(key), str) for key in ("path", "url")):
            raise ValueError(f"pd.files: a file has a path or a url; this has {', '.join(map(str, descriptor)) or 'nothing'}")
        return File(descriptor)

    def dir(self, path: str = "", recursive: bool = False) -> Iterator[File]:
        """The files and directories in a directory, or all files below it; asked for page by page."""
        token = ""
        while True:
            request = {"directory": path, "recursive": recursive, "page_token": token}
            page = _ask("files.list", request, path)[0]
            for entry in page["entries"]:
                yield File(entry)
            token = page["next_page_token"]
            if not token:
                return


class File:
    """A file of the store, by its path; or, read-only, one that was sent to the trigger."""

    def __init__(self, known: dict[str, Any]) -> None:
        path = known.get("path")
        url = known.get("url")
        self._is_directory = known.get("directory") is True
        #: Where it is in the store; empty for a file that was sent to the trigger.
        self.path: str = path.rstrip("/") if isinstance(path, str) else ""
        self._url: str = url if isinstance(url, str) and not self.path else ""
        #: The last part of its path, or what the sender called it.
        self.name: str = self.path.rsplit("/", 1)[-1] or str(known.get("filename") or "")
        self._known = known

    def __repr__(self) -> str:
        return f"<pd.files {(self.path or self.name)!r}>"

    def __millrace_json__(self) -> dict[str, Any]:
        """What stands for the file in exports, and opens it again."""
        if self._url:
            return self._known
        return {"path": self.path, **{key: self._known[key] for key in _FACTS if key in self._known}}

    def is_file(self) -> bool:
        """True unless it is a directory in a list."""
        return not self._is_directory

    def is_directory(self) -> bool:
        """True for a directory in a list."""
        return self._is_directory

    def exists(self) -> bool:
        """Whether the store has it now."""
        if self._url or self._is_directory:
            return True
        found = _ask("files.stat", {"path": self.path}, self.path)[0]
        if found:
            self._known = found
        return bool(found)

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return int(self._fact("size"))

    @property
    def content_type(self) -> str:
        """Media type of its content."""
        return str(self._fact("mimetype" if self._url else "content_type"))

    @property
    def modified_at(self) -> datetime:
        """When its content was written last."""
        from datetime import datetime

        return datetime.fromisoformat(self._fact("update_time"))

    def _fact(self, name: str) -> Any:
        if name not in self._known and not self._url and not self.exists():
            raise _not_found(self.path)
        if name not in self._known:
            raise ValueError(f"{self!r}: its {name} is not known")
        return self._known[name]

    def open(
        self,
        mode: str = "rb",
        *,
        content_type: str | None = None,
        encoding: str = "utf-8",
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """A file object for reading ("rb", "r") or writing ("wb", "w"); what is written counts once it is closed well."""
        kind = mode.replace("b", "").replace("t", "")
        if kind not in ("r", "w") or sorted(mode) not in (sorted(kind), sorted(kind + "b"), sorted(kind + "t")):
            raise ValueError(f"pd.files: mode {mode!r} is none of 'r', 'rb', 'w', 'wb'")
        if kind == "r":
            reader = io.BufferedReader(_Reader(self), _PART_MAX)
            return reader if "b" in mode else io.TextIOWrapper(reader, encoding, errors, newline)
        writer = _Writer(self, content_type or _guess(self.path))
        return writer if "b" in mode else _TextWriter(writer, encoding, errors, newline)

    def to_bytes(self) -> bytes:
        """The whole content."""
        with self.open("rb") as source:
            return bytes(source.read())

    to_buffer = to_bytes

    def iter_bytes(self) -> Iterator[bytes]:
        """The content in pieces; with `headers`, it makes a file a body for `pd.respond`."""
        with self.open("rb") as source:
            yield from _pieces(source)

    @property
    def headers(self) -> dict[str, str]:
        """What an answer says that has the file as its body."""
        return {"content-type": self.content_type}

    def to_file(self, path: str | os.PathLike[str]) -> str:
        """Copies the content to a file in /tmp and returns its path."""
        with self.open("rb") as source, open(path, "wb") as target:
            _copy(source, target)
        return os.fspath(path)

    def to_url(self) -> str:
        """An address under which whoever has it can read the file for 30 minutes."""
        if self._url:
            return self._url
        return str(_ask("files.link", {"path": self.path}, self.path)[0]["url"])

    def from_bytes(self, content: bytes | bytearray | memoryview, content_type: str | None = None) -> File:
        """Writes the content."""
        with self.open("wb", content_type=content_type) as target:
            target.write(content)
        return self

    def from_file(self, path: str | os.PathLike[str], content_type: str | None = None) -> File:
        """Copies the content from a file in /tmp."""
        with open(path, "rb") as source:
            return self.from_stream(source, content_type or _guess(os.fspath(path)))

    def from_stream(self, source: Any, content_type: str | None = None) -> File:
        """Copies the content from a file object or anything else that gives bytes piece by piece."""
        with self.open("wb", content_type=content_type) as target:
            _copy(source, target)
        return self

    def from_url(self, url: str, content_type: str | None = None) -> File:
        """Copies the content from an address."""
        import urllib.request

        if not url.lower().startswith(("http://", "https://")):
            raise ValueError(f"pd.files: {url[:200]!r} is no http or https address")
        with urllib.request.urlopen(url, timeout=_URL_TIMEOUT_S) as source:
            return self.from_stream(source, content_type or source.headers.get("content-type"))

    def delete(self) -> None:
        """Deletes the file; one that does not exist is fine."""
        self._check_writable()
        _ask("files.delete", {"path": self.path}, self.path)
        self._known = {"path": self.path}

    def _check_writable(self) -> None:
        if self._url:
            raise ValueError(f"{self!r} was sent to the trigger and cannot be changed; copy it: pd.files.open(path).from_url(…)")


class _Reader(io.RawIOBase):
    """Reads a content as it was when it was opened."""

    def __init__(self, file: File) -> None:
        super().__init__()
        request = {"url": file._url} if file._url else {"path": file.path, "url": ""}
        opened = _ask("files.open", request, file.path)[0]
        self.name = file.name
        self._token: str = opened["token"]
        self._size: int = opened["size"]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves on to an offset from the start, from here or from the end."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"a position of {start + offset} is before the start")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as one call goes."""
        view = memoryview(buffer).cast("B")
        data = self._read(len(view))
        view[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """The rest, in calls that are as large as they may be."""
        return b"".join(iter(lambda: self._read(_PART_MAX), b""))

    def _read(self, size: int) -> bytes:
        length = min(size, _PART_MAX, self._size - self._at)
        if length <= 0:
            return b""
        request = {"token": self._token, "position": self._at, "length": length}
        data = _ask("files.read", request, self.name)[1]
        if not data:
            raise OSError(f"{self.name}: its content ends too early")
        self._at += len(data)
        return data


class _Writer(io.BufferedIOBase):
    """Writes a content that nobody sees before it is closed; given up by an exception in its `with`, and when it is lost."""

    def __init__(self, file: File, content_type: str) -> None:
        import hashlib
        import uuid

        super().__init__()
        file._check_writable()
        self.name = file.name
        self._file = file
        self._content_type = content_type
        self._object = str(uuid.uuid4())
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._position = 0
        self._given_up = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Takes bytes."""
        if self.closed:
            raise ValueError("write to closed file")
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'; open the file with 'w' to write text")
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PART_MAX):
            self._buffer += view[start : start + _PART_MAX]
            while len(self._buffer) >= _PART_MAX:
                self._send(_PART_MAX)
        return len(view)

    def tell(self) -> int:
        """How much was written."""
        return self._position + len(self._buffer)

    def discard(self) -> None:
        """Gives up what was written; the file stays what it was."""
        self._given_up = True
        self._buffer.clear()

    def close(self) -> None:
        """Makes what was written the content of the file."""
        if self.closed:
            return
        try:
            if not self._given_up:
                self._save()
        finally:
            super().close()

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        self._given_up = True

    def _send(self, length: int) -> None:
        part = bytes(self._buffer[:length])
        _ask("files.write", {"object": self._object, "position": self._position}, self.name, part)
        del self._buffer[:length]
        self._hash.update(part)
        self._position += length

    def _save(self) -> None:
        if self._buffer:
            self._send(len(self._buffer))
        request = {
            "path": self._file.path,
            "content_type": self._content_type,
            "object": self._object,
            "size": self._position,
            "sha256": self._hash.hexdigest(),
        }
        self._file._known = _ask("files.save", request, self.name)[0]
        self._file.path = self._file._known["path"]


class _TextWriter(io.TextIOWrapper):
    """Text over a writer, given up in the same cases."""

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if kind is not None:
            self.buffer.discard()  # type: ignore[attr-defined]
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            self.buffer.discard()  # type: ignore[attr-defined]


def _ask(method: str, request: dict[str, Any], path: str, body: bytes = b"") -> tuple[Any, bytes]:
    # Each of these calls may come twice, so none needs a number that is the same when the step is run again.
    try:
        return call(method, request, body, apart=True)
    except KeyError as error:
        reason = getattr(error, "reason", "")
        if reason not in ("FILE_NOT_FOUND", "OBJECT_NOT_FOUND"):
            raise
    raise _not_found(path)


def _not_found(path: str) -> FileNotFoundError:
    return FileNotFoundError(2, "the project's file store has no such file", path)


def _guess(path: str) -> str:
    import mimetypes

    return mimetypes.guess_type(path)[0] or _DEFAULT_TYPE


def _copy(source: Any, target: Any) -> None:
    for piece in _pieces(source):
        target.write(piece)


def _pieces(source: Any) -> Iterable[Any]:
    return iter(lambda: source.read(_PART_MAX), b"") if hasattr(source, "read") else source
