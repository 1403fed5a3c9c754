"""Which limit an error of the system's is about, and how much of it is used: the system's own words name neither."""

from __future__ import annotations

import errno
import os
import resource

_MIB = 1 << 20


def limit_hint(error: BaseException) -> str:
    """A sentence to add to the error's text; empty when no limit of the environment's was reached."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return _space("/dev/shm" if str(error.filename or "").startswith("/dev/shm") else "/tmp")
    if isinstance(error, OSError) and error.errno == errno.EMFILE:
        return f" (a process may have {resource.getrlimit(resource.RLIMIT_NOFILE)[0]} files open)"
    no_thread = isinstance(error, RuntimeError) and str(error) == "can't start new thread"
    if no_thread or (type(error) is BlockingIOError and error.errno == errno.EAGAIN and error.filename is None):
        return _processes()
    return ""


def _space(folder: str) -> str:
    values = os.statvfs(folder)
    size, used = values.f_blocks * values.f_frsize, (values.f_blocks - values.f_bfree) * values.f_frsize
    files = values.f_files - values.f_ffree
    if used < size and files < values.f_files:
        return ""
    return f" ({folder} holds {used // _MIB} MB of {size // _MIB} MB, {files} of {values.f_files} files and folders)"


def _processes() -> str:
    """Only when as many are there as may be: a socket that is not ready says the same words."""
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    count = 0
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            count += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            pass
    return f" ({count} processes and threads of {limit} that the environment may have)" if count >= limit else ""
