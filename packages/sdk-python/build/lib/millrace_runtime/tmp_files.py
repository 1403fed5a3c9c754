"""What a run has in /tmp, as bytes: saved at a checkpoint, put back where the run goes on.

Both happen in here, inside the sandbox and with the rights of user code: whatever user code puts there (links, devices, holes,
names), nobody outside ever opens it. Saved is what changed since the run began, by the kernel's change time: older files are
an earlier run's. A snapshot is complete, so that deleted files stay deleted.

A snapshot: `MRT1`, the length of a JSON header (4 bytes, little endian), the header, and the data of the files behind one
another. The header lists `[path, "d", mode, mtime]`, `[path, "l", mode, mtime, target]` and
`[path, "f", mode, mtime, size, [[offset, length], ...]]`, folders before what is in them; holes of files have no data.
"""

from __future__ import annotations

import json
import os
import stat
import struct
import time

from millrace_runtime.leftovers import FILE_CLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_MAGIC = b"MRT1"
_SIZE = struct.Struct("<I")
_ENTRIES_MAX = 10_000
_EXTENTS_MAX = 1_000
# What an entry costs beside its path and its data.
_ENTRY_BYTES = 96
_MIB = 1 << 20
_UNUSUAL = frozenset((stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK))

Entry = tuple[str, os.stat_result]


class NotSaved(Exception):
    """Why what is there is not saved."""


class TmpFiles:
    """The files of one run below a folder."""

    def __init__(self, folder: str, bytes_max: int, began_ns: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._began_ns = began_ns
        #: What was saved last, by its look; None when it must be saved again.
        self._look: object = []
        self._last: tuple[int, bytes] = (0, b"")

    def changed(self) -> tuple[bytes, str] | None:
        """The snapshot, or why there is none; None when nothing has changed since the last one."""
        try:
            entries = list(self._walk())
            look = [(path, *_look(status)) for path, status in entries]
            if look == self._look:
                return None
            content = self._pack(entries)
        except NotSaved as reason:
            return self._unsaved(str(reason))
        except OSError as error:
            return self._unsaved(f"{error.filename or self._folder} cannot be read: {error.strerror}")
        # The kernel's clock for files ticks every few milliseconds: what changes once more in this tick looks the same.
        tick = coarse_now()
        self._look = look if all(status.st_ctime_ns < tick for _, status in entries) else None
        return self._unless_same(content)

    def _unless_same(self, content: bytes) -> tuple[bytes, str] | None:
        last, self._last = self._last, (len(content), _digest(content))
        return None if last == self._last else (content, "")

    def _unsaved(self, reason: str) -> tuple[bytes, str] | None:
        if self._look == reason:
            return None
        self._look, self._last = reason, (-1, b"")
        return b"", reason

    def _walk(self) -> Iterator[Entry]:
        """Everything that changed since the run began, folders before what is in them."""
        seen = 0
        folders = [""]
        while folders:
            below = folders.pop()
            with os.scandir(f"{self._folder}/{below}") as entries:
                found = sorted(entries, key=lambda entry: entry.name)
            for entry in found:
                seen += 1
                if seen > _ENTRIES_MAX:
                    raise NotSaved(f"it holds more than {_ENTRIES_MAX:,} files")
                path = f"{below}{entry.name}"
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                kind = stat.S_IFMT(status.st_mode)
                if kind == stat.S_IFDIR:
                    folders.append(f"{path}/")
                if status.st_ctime_ns >= self._began_ns and kind not in _UNUSUAL:
                    yield path, status

    def _pack(self, entries: list[Entry]) -> bytes:
        if not entries:
            return b""
        size = sum(_cost(path, status) for path, status in entries)
        if size > self._bytes_max:
            raise NotSaved(_too_large(size, self._bytes_max))
        listed: list[list[Any]] = []
        data: list[bytes] = []
        for path, status in entries:
            row: list[Any] = [path, "d", stat.S_IMODE(status.st_mode), status.st_mtime_ns]
            if stat.S_ISLNK(status.st_mode):
                row[1:2] = ["l"]
                row.append(os.readlink(f"{self._folder}/{path}"))
            elif stat.S_ISREG(status.st_mode):
                row[1:2] = ["f"]
                row.extend(self._read(path, data))
            listed.append(row)
        head = json.dumps(listed, separators=(",", ":")).encode("ascii")
        size = len(head) + sum(map(len, data))
        if size > self._bytes_max:  # It grew while it was read.
            raise NotSaved(_too_large(size, self._bytes_max))
        return b"".join((_MAGIC, _SIZE.pack(len(head)), head, *data))

    def _read(self, path: str, data: list[bytes]) -> list[Any]:
        descriptor = os.open(f"{self._folder}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or _held(status) > self._bytes_max:
                raise NotSaved(f"{path} changed while it was saved")
            extents = []
            for offset, length in _extents(descriptor, status):
                piece = _read_at(descriptor, offset, length)
                extents.append([offset, len(piece)])
                data.append(piece)
            return [status.st_size, extents]
        finally:
            os.close(descriptor)

    def restore(self, content: bytes) -> None:
        """Puts a snapshot back; ValueError or OSError when that cannot be done."""
        (length,) = _SIZE.unpack_from(content, len(_MAGIC))
        position = len(_MAGIC) + _SIZE.size + length
        if content[: len(_MAGIC)] != _MAGIC or position > len(content):
            raise ValueError("it is no snapshot")
        rows = json.loads(content[len(_MAGIC) + _SIZE.size : position])
        for row in rows:
            position = self._put(row, content, position)
        for path, kind, mode, mtime, *_ in reversed(rows):
            if kind == "d":  # Last, since a folder may not be writable, and its time changes with what comes into it.
                os.chmod(f"{self._folder}/{path}", mode & 0o1777)
                os.utime(f"{self._folder}/{path}", ns=(mtime, mtime))
        self._look = [(path, *_look(status)) for path, status in self._walk()]
        self._last = (len(content), _digest(content))

    def _put(self, row: list[Any], content: bytes, position: int) -> int:
        name, kind, mode, mtime = row[:4]
        if not name or name[0] == "/" or any(part in ("", ".", "..") for part in name.split("/")):
            raise ValueError(f"{name!r} is no path in it")
        path = f"{self._folder}/{name}"
        if kind == "d":
            os.makedirs(path, mode=0o700, exist_ok=True)
            return position
        if os.path.lexists(path):
            os.unlink(path)
        if kind == "l":
            os.symlink(row[4], path)
            os.utime(path, ns=(mtime, mtime), follow_symlinks=False)
            return position
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, row[4])
            for offset, length in row[5]:
                _write_at(descriptor, offset, memoryview(content)[position : position + length])
                position += length
            os.fchmod(descriptor, mode & 0o777)
            os.utime(descriptor, ns=(mtime, mtime))
        finally:
            os.close(descriptor)
        return position


def coarse_now() -> int:
    """Now, by the clock that dates files."""
    return time.clock_gettime_ns(FILE_CLOCK)


def missing_in(folder: str, error: BaseException | None) -> str | None:
    """The path below a folder that an error, or one that led to it, did not find."""
    for _ in range(10):
        if error is None:
            return None
        name = getattr(error, "filename", None)
        if isinstance(error, FileNotFoundError) and isinstance(name, (str, bytes)):
            path = os.path.abspath(os.fsdecode(name))
            if path.startswith(f"{folder}/"):
                return path
        error = error.__cause__ or error.__context__
    return None


def _look(status: os.stat_result) -> tuple[int, ...]:
    return status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _held(status: os.stat_result) -> int:
    """Bytes of data; a hole has none."""
    return min(status.st_size, status.st_blocks * 512) if stat.S_ISREG(status.st_mode) else 0


def _cost(path: str, status: os.stat_result) -> int:
    """Names are written as ASCII, whatever is in them."""
    link = status.st_size * 6 if stat.S_ISLNK(status.st_mode) else 0
    return _ENTRY_BYTES + len(path) * 6 + link + _held(status)


def _too_large(size: int, limit: int) -> str:
    if limit == 0:
        return "this house saves nothing of it (MILLRACE_TMP_SAVED_BYTES_MAX is 0)"
    return f"its files have {size / _MIB:.1f} MiB; up to {limit / _MIB:.4g} MiB are saved"


def _digest(content: bytes) -> bytes:
    from hashlib import blake2b

    return blake2b(content, digest_size=16).digest()


def _extents(descriptor: int, status: os.stat_result) -> list[tuple[int, int]]:
    """Where the data is: all of it, but for files with holes."""
    if status.st_blocks * 512 >= status.st_size:
        return [(0, status.st_size)] if status.st_size else []
    extents: list[tuple[int, int]] = []
    end = 0
    while end < status.st_size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError:  # Nothing but a hole is left.
            break
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        extents.append((start, end - start))
        if len(extents) > _EXTENTS_MAX:
            raise NotSaved(f"a file in it has more than {_EXTENTS_MAX:,} holes")
    return extents


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    """Fewer bytes when the file has become shorter meanwhile."""
    pieces = []
    while length > 0 and (piece := os.pread(descriptor, min(length, 1 << 24), offset)):
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return b"".join(pieces)


def _write_at(descriptor: int, offset: int, data: memoryview) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data = data[written:]
        offset += written
