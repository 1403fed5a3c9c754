"""A step that is tested in its draft: what it is given, and what it leaves for the tests of the steps below it.

Both go by calls, since neither belongs to the run: results of earlier tests come piece by piece, and /tmp is read when the
test begins and written when it ends.
"""

from __future__ import annotations

import hashlib
import json
import os

from millrace_runtime import calls
from pipedream._steps import Attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace_runtime.environment import CurrentRun
    from millrace_runtime.tmp_files import TmpFiles
    from pipedream._pd import Record
    from pipedream._steps import Steps

_PART = 512 << 10


def begin(run: CurrentRun, steps: Steps, record: Record, tmp_of: Callable[[CurrentRun], TmpFiles]) -> None:
    """Before the step: earlier results for `pd.steps`, and /tmp when this is the run's first step."""
    if steps["trigger"]["context"].get("test") is not True:
        run.is_test = False
        return
    record.is_test = True
    if run.done:
        return
    for name, exports, returned in _given():
        run.done.append((name, exports, returned))
        made = Attributes(json.loads(exports)) if exports else Attributes()
        if returned is not None:
            made["$return_value"] = json.loads(returned)
        steps[name] = made
    _restore(run, record, tmp_of)


def end(run: CurrentRun, record: Record, tmp_of: Callable[[CurrentRun], TmpFiles]) -> None:
    """After the step: /tmp, as far as it can be kept. That it cannot is no failure of the step."""
    try:
        if run.is_test:
            _save(run, record, tmp_of)
    except Exception as error:
        record.note(f"/tmp is not kept for later tests: {error}")


def peak_memory_bytes() -> int:
    """The most memory that this process has had, as the kernel says; 0 when it does not."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, ValueError, StopIteration):
        return 0


def _given() -> list[tuple[str, bytes, bytes | None]]:
    given: list[tuple[str, bytes, bytes | None]] = []
    index = 0
    while True:
        facts, body = calls.call("test.given", {"index": index, "offset": 0}, apart=True)
        if index >= facts["count"]:
            return given
        split, returned = facts["exports"], facts["returned"]
        pieces, size = [body], len(body)
        while size < split + (returned or 0):
            _, piece = calls.call("test.given", {"index": index, "offset": size}, apart=True)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        whole = b"".join(pieces)
        given.append((facts["name"], whole[:split], None if returned is None else whole[split:]))
        index += 1


def _restore(run: CurrentRun, record: Record, tmp_of: Callable[[CurrentRun], TmpFiles]) -> None:
    try:
        facts, body = calls.call("test.tmp.read", {"offset": 0}, apart=True)
        pieces, size = [body], len(body)
        while size < facts["size"]:
            _, piece = calls.call("test.tmp.read", {"offset": size}, apart=True)
            if not piece:
                raise OSError("a part of it is missing")
            pieces.append(piece)
            size += len(piece)
        if facts["size"]:
            tmp_of(run).restore(b"".join(pieces))
    except Exception as error:
        record.note(f"/tmp is not as the test before left it: {error}")


def _save(run: CurrentRun, record: Record, tmp_of: Callable[[CurrentRun], TmpFiles]) -> None:
    changed = tmp_of(run).changed()
    if changed is None:
        return
    content, unsaved = changed
    if unsaved:
        record.note(f"/tmp is not kept for later tests: {unsaved}")
        return
    facts = {"name": os.urandom(8).hex(), "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    offset = 0
    while True:
        part = content[offset : offset + _PART]
        calls.call("test.tmp.write", {**facts, "offset": offset}, part, apart=True)
        offset += len(part)
        if offset >= len(content):
            return
