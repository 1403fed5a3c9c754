"""One start of bubblewrap: its descriptors, its process, and what a failure means."""

from __future__ import annotations

import os
import re
import resource
import subprocess
from pathlib import Path

from . import bubblewrap
from .mark import mark
from .network import RESOLV_CONF
from .process import SandboxedProcess
from .seccomp import assemble_filter, supported_architecture
from .settings import LOWEST_OPEN_FILES, PROCESSES_MAX, SandboxSettings, SandboxUnavailable

_ERROR_BYTES = 4096


def start_bubblewrap(
    settings: SandboxSettings, process: SandboxedProcess, uid: int, extra_binds: tuple[tuple[Path, str], ...]
) -> None:
    """Fork bubblewrap and give `process` the host's ends of its pipes. Everything is closed again when that fails."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if files != resource.RLIM_INFINITY and files < LOWEST_OPEN_FILES:
        raise SandboxUnavailable(
            f"The limit of open files is {files}, and the control channel sits at 1000.",
            "Raise it: ulimit -n 4096 in a shell, LimitNOFILE= in a systemd unit, --ulimit nofile= in Docker.",
        )
    process.uid, process.unsafe = uid, settings.unsafe
    if settings.work_dir is not None and bubblewrap.is_root() and not settings.unsafe:
        os.chown(settings.work_dir, uid, uid)
    pipes = _Pipes(uid if bubblewrap.is_root() and not settings.unsafe else None)
    try:
        _start(settings, process, pipes, extra_binds)
    except BaseException:
        pipes.close_host_ends()
        raise
    finally:
        pipes.close_inner_ends()


class _Pipes:
    """The pipes of one EE. The ends inside belong to its uid, so that user code can open /dev/stdout again."""

    def __init__(self, owner: int | None) -> None:
        self._owner = owner
        self._host: list[int] = []
        self._inner: list[int] = []

    def to_inside(self) -> tuple[int, int]:
        """(host's end, end inside) of a pipe that the host writes to."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        return self._keep(writer, reader)

    def from_inside(self) -> tuple[int, int]:
        """(host's end, end inside) of a pipe that the host reads from."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        return self._keep(reader, writer)

    def with_content(self, text: str) -> int:
        """A descriptor inside that reads `text`."""
        host, inner = self.to_inside()
        os.write(host, text.encode())
        self._host.remove(host)
        os.close(host)
        return inner

    def close_inner_ends(self) -> None:
        for descriptor in self._inner:
            os.close(descriptor)

    def close_host_ends(self) -> None:
        for descriptor in self._host:
            os.close(descriptor)

    def _keep(self, host: int, inner: int) -> tuple[int, int]:
        self._host.append(host)
        self._inner.append(inner)
        os.set_blocking(host, False)
        if self._owner is not None:
            os.fchown(inner, self._owner, self._owner)
        return host, inner


def _start(
    settings: SandboxSettings, process: SandboxedProcess, pipes: _Pipes, extra_binds: tuple[tuple[Path, str], ...]
) -> None:
    control_writer, control_in = pipes.to_inside()
    control_reader, control_out = pipes.from_inside()
    stdout, inner_stdout = pipes.from_inside()
    stderr, inner_stderr = pipes.from_inside()
    status, inner_status = pipes.from_inside()
    lifeline, inner_lifeline = pipes.to_inside()
    info, inner_info = pipes.from_inside()
    passed = {"control_in": control_in, "control_out": control_out, "status": inner_status, "lifeline": inner_lifeline}
    joining = process.group.joining if process.group is not None else []
    arguments = _init_arguments(settings, process.uid, passed, joining)
    if settings.unsafe:
        command = [*bubblewrap.python_command(settings, str(bubblewrap.INIT_FOLDER)), *arguments]
        descriptors = (*passed.values(), *joining)
    else:
        files = [(pipes.with_content(text), name) for name, text in _files(settings, process.uid).items()]
        command = bubblewrap.build_command(settings, inner_info, files, extra_binds, arguments)
        # The reader of --info-fd too: should the worker die now, bubblewrap must not die of writing to nobody, for the process
        # that it has just cloned waits for its word.
        descriptors = (*passed.values(), *joining, inner_info, info, *(descriptor for descriptor, _ in files))
    process.popen = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=inner_stdout,
        stderr=inner_stderr,
        pass_fds=descriptors,
        env={**bubblewrap.environment(settings), **mark()},
        cwd="/",
        # A signal to the house's process group must not end bubblewrap between its clone and its word to the clone.
        start_new_session=True,
    )
    if process.group is not None:
        process.group.joined()
    process.popen_pidfd = os.pidfd_open(process.popen.pid)
    process.control_reader, process.control_writer = control_reader, control_writer
    process.stdout, process.stderr = stdout, stderr
    process.status_fd, process.lifeline_fd, process.info_fd = status, lifeline, info


def _init_arguments(settings: SandboxSettings, uid: int, passed: dict[str, int], joining: list[int]) -> list[str]:
    arch = supported_architecture()
    if arch is None and not settings.unsafe:
        raise SandboxUnavailable("No system call table for this machine's architecture.", "Use x86_64 or aarch64.")
    values: dict[str, object] = {
        **passed,
        "mode": "unsafe" if settings.unsafe else "root" if bubblewrap.is_root() else "user",
        "runtime": settings.runtime_dir if settings.unsafe else bubblewrap.RUNTIME,
        "uid": uid,
        "tmp_bytes": settings.tmp_bytes,
        "tmp_inodes": settings.tmp_inodes,
        "shm_bytes": settings.shm_bytes,
        "processes": settings.process_limit,
        "processes_max": PROCESSES_MAX,
        "files": settings.open_files_limit,
        "data": settings.data_limit_bytes,
        "groups": ",".join(map(str, joining)),
        "filter": assemble_filter(arch).hex() if arch else "",
    }
    return [f"{name}={value}" for name, value in values.items()]


def _files(settings: SandboxSettings, uid: int) -> dict[str, str]:
    """/etc/passwd and /etc/group with this user and nobody; where there is a name server of the EE's own, that too."""
    passwd = f"millrace:x:{uid}:{uid}:Millrace:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    files = {"/etc/passwd": passwd, "/etc/group": f"millrace:x:{uid}:\nnogroup:x:65534:\n"}
    return {**files, "/etc/resolv.conf": RESOLV_CONF} if settings.network == "internet" else files


def describe_failed_start(process: SandboxedProcess) -> SandboxUnavailable:
    """What bubblewrap or init.py printed before it gave up, and what that means for the operator."""
    try:
        text = os.read(process.stderr, _ERROR_BYTES).decode(errors="replace").strip()
    except (BlockingIOError, OSError):
        text = ""
    last = text.splitlines()[-1] if text else "it ended without a word"
    return SandboxUnavailable(f"The sandbox did not start: {last}.", remedy_for(text))


_ROOT_REMEDY = (
    "Root lacks rights here, as in a container. In Docker: --cap-add SYS_ADMIN --cap-add SYS_PTRACE --security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined --security-opt systempaths=unconfined; in Kubernetes: securityContext with these capabilities, "
    "seccompProfile Unconfined and procMount Unmasked. Or start the house as an ordinary user where user namespaces are allowed."
)
_REMEDIES = (
    (
        r"No permissions to creat(e|ing) new namespace|Creating new namespace failed|setting up uid map|unshare: ",
        "User namespaces are blocked here. On the host: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000; "
        "on Ubuntu 24.04 and later: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for bwrap; "
        "in Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined --cap-add SYS_ADMIN.",
    ),
    (
        r"mount proc|Can't mount proc",
        "A container hides parts of /proc, so that no fresh one may be mounted. In Docker: --security-opt systempaths=unconfined; "
        "in Kubernetes: securityContext.procMount: Unmasked.",
    ),
    (r"prctl: |capset: ", "The kernel lacks seccomp filters (CONFIG_SECCOMP_FILTER), or a container's profile forbids them."),
    (
        r"Can't find source path|Can't bind mount|Permission denied",
        "The user who runs this cannot read what has to be bound into the sandbox; see the path in the message.",
    ),
    (
        r"No module named '_?ctypes'",
        "This Python was built without ctypes; install libffi's headers and build it again, or use another.",
    ),
)


def remedy_for(text: str) -> str:
    """What to do about a message of bubblewrap or init.py; empty when nothing is known."""
    if bubblewrap.is_root() and re.search(r"Operation not permitted", text):
        return _ROOT_REMEDY
    return next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, text)), "")
