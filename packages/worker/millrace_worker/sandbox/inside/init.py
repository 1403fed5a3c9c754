"""Pid 1 of an EE. Runs inside bubblewrap's mounts, gives up every privilege, then forks the Python that runs user code.

Stands alone (standard library only, any supported Python): of this package the sandbox contains nothing else. Why Python,
and why fork instead of exec: a second interpreter costs 16 ms of CPU and 1.7 MB more per EE; forked from here the two share
their pages. Why not bubblewrap's own init: it maps a death by signal to an exit code, and under root it would stay uid 0.

Order matters. Bounding the tmpfs mounts needs CAP_SYS_ADMIN, changing the uid needs CAP_SETUID, a filter without
CAP_SYS_ADMIN needs no_new_privs, and nothing that was given up can be had again: so mounts, uid, limits,
capabilities, filter, fork.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` makes enumerations of them, half a megabyte.
import ctypes
import os
import resource
import select
import sys

TYPE_CHECKING = False  # the real one lies in `typing`, an import that is not needed otherwise
if TYPE_CHECKING:
    from typing import Any

CONTROL_IN, CONTROL_OUT = 1000, 1001
RUNTIME = "/millrace/runtime"

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND = 1, 2, 4, 8, 32, 4096
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 4, 22, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_SECCOMP_MODE_FILTER = 2
_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446  # the same on all architectures
_LANDLOCK_VERSION_FLAG, _LANDLOCK_ABI_WITH_SCOPES, _LANDLOCK_SCOPE_ABSTRACT_SOCKETS = 1, 6, 1
_CAPABILITY_VERSION_3 = 0x20080522
_FSPICK, _AT_FDCWD, _FSPICK_CLOEXEC = 433, -100, 1  # the same on all architectures

_libc = ctypes.CDLL(None, use_errno=True)


class _Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def _call(name: str, *arguments: Any) -> None:
    """One libc function, every failure an OSError that names it."""
    if getattr(_libc, name)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _prctl(option: int, *arguments: int) -> None:
    _call("prctl", option, *(ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]))


def _bound_tmpfs(path: str, size: int, inodes: int) -> None:
    """bubblewrap can give a tmpfs its size but not its number of inodes."""
    options = f"size={size},nr_inodes={inodes}".encode()
    _call("mount", b"tmpfs", path.encode(), b"tmpfs", _MS_REMOUNT | _MS_NOSUID | _MS_NODEV, options)


def _join_groups(descriptors: str) -> None:
    """The control groups of this EE: whoever is forked from here on is born in them."""
    for descriptor in map(int, filter(None, descriptors.split(","))):
        os.write(descriptor, b"0")
        os.close(descriptor)


def _pick_tmp() -> int:
    """/tmp opened for changes of its size, for the worker to take over; -1 on kernels that cannot."""
    return int(_libc.syscall(_FSPICK, _AT_FDCWD, b"/tmp", _FSPICK_CLOEXEC))


def _close_proc() -> None:
    """Kernel settings read-only by the mount too, not by their files' modes alone: some are writable for everybody."""
    flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    for path in (b"/proc/sys", b"/proc/sysrq-trigger"):
        if os.path.exists(path):
            _call("mount", path, path, None, _MS_BIND, None)
            _call("mount", None, path, None, _MS_BIND | _MS_REMOUNT | flags, None)


def _become(uid: int) -> None:
    """Root's house: a real uid of the EE's own, so that limits by user are its own and files of root are out of reach."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _map_ordinary_user(inside: int) -> None:
    """An ordinary user's house: a user namespace below bubblewrap's, in which the only user is not 0.

    The namespace that owns the mounts is then out of reach, and RLIMIT_NPROC counts within this one alone.
    """
    outer_uid, outer_gid = os.getuid(), os.getgid()
    _call("unshare", _CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{inside} {outer_uid} 1"), ("gid_map", f"{inside} {outer_gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    os.setresgid(inside, inside, inside)
    os.setresuid(inside, inside, inside)


def _set_limits(processes: tuple[int, int] | None, files: int, data: int) -> None:
    """Without a sandbox there is no limit of processes: it would count all those of the user who runs the house. Otherwise the
    runtime makes it its workflow's own, for good, before any user code runs."""
    if processes is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, processes)
    for name, value in (
        ("CORE", 0),
        ("NOFILE", files),
        ("DATA", data),
        ("MEMLOCK", 65536),
        ("MSGQUEUE", 0),
        ("SIGPENDING", 4096),
    ):
        which = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def _be_the_first_to_go() -> None:
    """Should the machine run out of memory all the same, the kernel ends user code before it ends a database."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _drop_bounding_set() -> None:
    """While CAP_SETPCAP is still there: nothing that is executed later can gain a capability."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break


def _drop_capabilities() -> None:
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    _call("capset", ctypes.byref(header), (ctypes.c_uint32 * 6)())


def _install_filter(program: bytes) -> None:
    argument = _Filter(len(program) // 8, program)
    _call(
        "prctl",
        _PR_SET_SECCOMP,
        ctypes.c_ulong(_SECCOMP_MODE_FILTER),
        ctypes.byref(argument),
        ctypes.c_ulong(0),
        ctypes.c_ulong(0),
    )


def _close_abstract_sockets() -> None:
    """Sockets with an abstract name belong to the network namespace, not to a folder: with the host's network, user code
    could talk to the host's X server, D-Bus or container daemon. Landlock closes them, from Linux 6.12 on."""
    if _libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION_FLAG) < _LANDLOCK_ABI_WITH_SCOPES:
        return
    attributes = (ctypes.c_uint64 * 3)(0, 0, _LANDLOCK_SCOPE_ABSTRACT_SOCKETS)
    ruleset = _libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(24), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    _call("syscall", _LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _run_runtime(config: dict[str, Any]) -> None:
    """The child: the runtime as `__main__`, on the descriptors that it was promised and no others."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # The worker ignores Ctrl-C, and what is ignored is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    # Only now, and not in pid 1, whose memory stays closed to user code of the same uid: with it user code can read its
    # own /proc/self and reopen /dev/stdout.
    _prctl(_PR_SET_DUMPABLE, 1)
    # By way of numbers that collide with nothing: the pipes' own may be 1000 or 1001 in a worker with many EEs.
    low_in, low_out = os.dup(config["control_in"]), os.dup(config["control_out"])
    os.dup2(low_in, CONTROL_IN, inheritable=False)
    os.dup2(low_out, CONTROL_OUT, inheritable=False)
    # The worker may have had so many files open that these lie above the limit, where closerange would not look.
    for name in ("control_in", "control_out", "status", "lifeline"):
        if config[name] not in (CONTROL_IN, CONTROL_OUT):
            os.close(config[name])
    os.closerange(3, CONTROL_IN)
    os.closerange(CONTROL_OUT + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] + 1)
    _become_main(config["runtime"])


def _become_main(folder: str) -> None:
    """Replace this module by the runtime's `__main__`, compiled or from its cache, as `python folder` would."""
    import importlib.machinery

    entry = f"{folder}/__main__.py"
    sys.path[0] = folder
    sys.argv[:] = [entry]
    code = importlib.machinery.SourceFileLoader("__main__", entry).get_code("__main__")
    for name in ("init", "ctypes", "_ctypes", "ctypes._endian"):
        sys.modules.pop(name, None)
    names = sys.modules["__main__"].__dict__
    builtins = names["__builtins__"]
    names.clear()
    names.update(__name__="__main__", __file__=entry, __builtins__=builtins, __package__="", __spec__=None, __doc__=None)
    assert code is not None
    exec(code, names)


def _supervise(child: int, status: int, lifeline: int, wakeup: int) -> None:
    """Reap whatever dies; when the main Python does, tell how and end. The namespace ends with pid 1, all of it."""
    # Not select(): a worker with many EEs has descriptors beyond the 1,023 that it can look at.
    poll = select.poll()
    for descriptor in (lifeline, wakeup):
        poll.register(descriptor, select.POLLIN)
    while True:
        while True:
            try:
                pid, code = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                os._exit(0)
            if pid == 0:
                break
            if pid == child:
                os.write(status, f"{'signal' if os.WIFSIGNALED(code) else 'exit'} {_reason(code)}\n".encode())
                os._exit(0)
        ready = [descriptor for descriptor, _ in poll.poll()]
        if wakeup in ready:
            os.read(wakeup, 4096)
        if lifeline in ready and os.read(lifeline, 1) == b"":
            os._exit(0)


def _reason(code: int) -> int:
    return os.WTERMSIG(code) if os.WIFSIGNALED(code) else os.WEXITSTATUS(code)


def _prepare(config: dict[str, Any]) -> int:
    """Everything that needs a privilege, then none is left; returns the descriptor that _pick_tmp() made."""
    tmp = -1
    _join_groups(str(config["groups"]))
    if config["mode"] != "unsafe":
        _bound_tmpfs("/tmp", config["tmp_bytes"], config["tmp_inodes"])
        _bound_tmpfs("/dev/shm", config["shm_bytes"], 4096)
        tmp = _pick_tmp()
        _close_proc()
        _be_the_first_to_go()
    if config["mode"] == "root":
        _drop_bounding_set()
        _become(config["uid"])
    elif config["mode"] == "user":
        _map_ordinary_user(config["uid"])
        _drop_bounding_set()
    if config["mode"] != "unsafe":
        _drop_capabilities()
        _prctl(_PR_SET_DUMPABLE, 0)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _close_abstract_sockets()
        _install_filter(bytes.fromhex(config["filter"]))
    processes = (config["processes"], config["processes_max"]) if config["mode"] != "unsafe" else None
    _set_limits(processes, config["files"], config["data"])
    # Should bubblewrap have died before, the lifeline tells.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.umask(0o022)
    return tmp


def main() -> None:
    """`init.py key=value …`; the keys are those that launcher.py passes."""
    config: dict[str, Any] = {}
    for argument in sys.argv[1:]:
        key, _, value = argument.partition("=")
        config[key] = int(value) if value.isdecimal() and key not in ("filter", "groups") else value
    tmp = _prepare(config)
    wakeup, wakeup_writer = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(wakeup_writer, False)
    signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = os.fork()
    if child == 0:
        _run_runtime(config)
        return
    # Only now: the child must not ignore, be it for a moment, what the host may send it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    os.closerange(0, 3)
    for name in ("control_in", "control_out"):
        os.close(config[name])
    os.write(config["status"], f"ready {tmp}\n".encode())
    _supervise(child, config["status"], config["lifeline"], wakeup)
