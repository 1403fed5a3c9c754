"""The command line of bubblewrap: what an EE sees of the machine, and nothing else.

Mounts are listed one by one. Never the host's `/`, a home, /run, /var or /proc: what is not named does not exist.
"""

from __future__ import annotations

import compileall
import functools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .settings import PACKAGES, SandboxSettings, SandboxUnavailable

INIT_FOLDER = Path(__file__).with_name("inside")
INIT = "/millrace/init"
RUNTIME = "/millrace/runtime"
WORK = "/millrace/work"

_SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    # Names, certificates (not /etc/ssl whole: its `private` holds keys), time zone, the loader's cache, file types.
    "resolv.conf",
    "hosts",
    "host.conf",
    "gai.conf",
    "nsswitch.conf",
    "services",
    "protocols",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "pki/ca-trust/extracted",
    "ca-certificates/extracted",
    "localtime",
    "timezone",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "mime.types",
    "magic",
    "fonts",
)
_THREADS_SHARE = 8
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)
_CAPABILITIES: tuple[str, ...] = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")


def is_root() -> bool:
    """Whether mounts are made with root's own rights; otherwise a user namespace grants them."""
    return os.geteuid() == 0


@dataclass(frozen=True)
class Interpreter:
    """The Python inside: the program itself (never a shim or a virtual environment's link) and what must be bound."""

    executable: Path
    prefix: Path
    cache_tag: str


def own_facts() -> tuple[str, str, str]:
    """This interpreter's program, prefix and cache tag: mostly it is the one inside, too, and a start of it is spared."""
    executable = getattr(sys, "_base_executable", sys.executable)
    return executable, sys.base_prefix, sys.implementation.cache_tag or ""


def ask(python: Path) -> tuple[str, str, str]:
    """The same of another one."""
    script = "import sys; print(sys._base_executable, sys.base_prefix, sys.implementation.cache_tag, sep='\\n')"
    result = subprocess.run([python, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SandboxUnavailable(f"{python} does not start: {result.stderr.strip()[-300:]}", "Set MILLRACE_PYTHON.")
    executable, base_prefix, cache_tag = result.stdout.splitlines()
    return executable, base_prefix, cache_tag


@functools.lru_cache(maxsize=32)
def find_interpreter(settings: SandboxSettings) -> Interpreter:
    """What an interpreter says about itself; checked not to drag a home folder into the sandbox."""
    executable, base_prefix, cache_tag = own_facts() if str(settings.python) == own_facts()[0] else ask(settings.python)
    prefix = settings.python_prefix or Path(base_prefix)
    if _is_too_wide(prefix):
        raise SandboxUnavailable(
            f"The Python at {settings.python} has the prefix {prefix}, which holds more than Python.",
            "Use a Python with a folder of its own: set MILLRACE_PYTHON, or MILLRACE_SANDBOX_PYTHON_PREFIX.",
        )
    return Interpreter(Path(executable), prefix, cache_tag)


def build_command(
    settings: SandboxSettings,
    info_fd: int,
    files: list[tuple[int, str]],
    extra_binds: tuple[tuple[Path, str], ...],
    init_arguments: list[str],
) -> list[str]:
    """The whole command: bubblewrap, its mounts, files with the content of descriptors, and init.py with its arguments."""
    bwrap = settings.find_bwrap()
    if bwrap is None:
        raise SandboxUnavailable(
            "bubblewrap (bwrap) was not found.",
            "Install it (apt-get install bubblewrap, dnf install bubblewrap) or set MILLRACE_SANDBOX_BWRAP.",
        )
    arguments = [str(bwrap), *_namespaces(settings), "--info-fd", str(info_fd), *_system_mounts(settings)]
    for source, destination in (*settings.read_only_binds, *extra_binds):
        arguments += _bind(source, destination)
    arguments += _bind(settings.runtime_dir, RUNTIME) + _bind(INIT_FOLDER, INIT)
    if settings.package_sets is not None:
        arguments += _bind(settings.package_sets, PACKAGES)
    if settings.work_dir is not None:
        arguments += ["--bind", str(settings.work_dir), WORK]
    for descriptor, name in files:
        arguments += ["--perms", "0444", "--ro-bind-data", str(descriptor), name]
    arguments += ["--remount-ro", "/", "--chdir", "/tmp", *_environment(settings)]
    return [*arguments, "--", *python_command(settings, INIT), *init_arguments]


def python_command(settings: SandboxSettings, init_folder: str) -> list[str]:
    """Isolated, without site, without writing bytecode (nothing it could be written to). Imported, not run by its path:
    only an import takes the bytecode that precompile() left, which saves some milliseconds and 0.6 MB a start."""
    start = f"import sys; sys.path.insert(0, {init_folder!r}); import init; init.main()"
    return [str(find_interpreter(settings).executable), "-I", "-S", "-B", "-X", "frozen_modules=on", "-c", start]


def precompile(settings: SandboxSettings) -> None:
    """Bytecode of what runs inside, which a start could not keep. Where the folder is not ours to write, starts are slower."""
    if find_interpreter(settings).cache_tag == sys.implementation.cache_tag:
        for folder in (INIT_FOLDER, settings.runtime_dir):
            compileall.compile_dir(folder, quiet=2)


def environment(settings: SandboxSettings) -> dict[str, str]:
    """The whole environment of an EE before a version's own variables."""
    folders = [str(find_interpreter(settings).executable.parent), "/usr/local/bin", "/usr/bin", "/bin"]
    values = {
        "PATH": ":".join(dict.fromkeys(folders)),
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "USER": "millrace",
        "LOGNAME": "millrace",
    }
    # Libraries for numbers start a thread per core when they are imported: on a large machine that alone would be the limit.
    threads = max(settings.process_limit // _THREADS_SHARE, 1)
    if (os.cpu_count() or 1) > threads:
        values.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    return values


def _environment(settings: SandboxSettings) -> list[str]:
    arguments = ["--clearenv"]
    for name, value in environment(settings).items():
        arguments += ["--setenv", name, value]
    return arguments


def _namespaces(settings: SandboxSettings) -> list[str]:
    arguments = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    # Never --die-with-parent: a bubblewrap that is killed between its clone and its word to the clone leaves that waiting for
    # ever. Init ends when its lifeline does, and bubblewrap with it.
    arguments += ["--hostname", "millrace", "--new-session", "--as-pid-1"]
    if settings.network != "open":
        arguments.append("--unshare-net")
    if is_root():
        # No user namespace: under one that root made, uid 0 outside stays the owner of everything inside. init.py
        # gives these up and takes a uid of the EE's own before any other code runs.
        capabilities = _CAPABILITIES
    else:
        # 0 inside, so that bubblewrap makes one namespace (for another uid it nests a second, which could no longer
        # bound the tmpfs mounts). init.py nests it, and there 0 does not exist.
        arguments += ["--unshare-user", "--uid", "0", "--gid", "0"]
        # CAP_SETFCAP: the kernel asks for it of whoever maps a parent's uid 0 into a namespace.
        capabilities = (*_CAPABILITIES, "CAP_SETFCAP")
    for capability in capabilities:
        arguments += ["--cap-add", capability]
    return arguments


def _system_mounts(settings: SandboxSettings) -> list[str]:
    arguments = _bind(Path("/usr"), "/usr")
    # Whatever bubblewrap makes by itself on the way to a mount is closed to the EE's uid.
    for folder in ("/etc", "/etc/ssl", "/etc/pki", "/etc/pki/tls", "/etc/pki/ca-trust", "/etc/ca-certificates", "/var"):
        arguments += ["--perms", "0755", "--dir", folder]
    for name in _SYSTEM_FOLDERS:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in _ETC:
        # With a network of its own, the host's name servers are not there; that EE gets a file of its own.
        if name != "resolv.conf" or settings.network == "open":
            arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    prefix = find_interpreter(settings).prefix
    if not prefix.is_relative_to("/usr"):
        arguments += _bind(prefix, str(prefix))
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--perms", "1777", "--size", str(settings.shm_bytes), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    arguments += ["--perms", "1777", "--size", str(settings.tmp_bytes), "--tmpfs", "/tmp", "--symlink", "/tmp", "/var/tmp"]
    return arguments


def _bind(source: Path, destination: str) -> list[str]:
    """A read-only bind. The folders above are named, because bubblewrap makes them 0700 where the EE's uid must pass."""
    arguments = []
    for folder in reversed(Path(destination).parents[:-1]):
        arguments += ["--perms", "0755", "--dir", str(folder)]
    return [*arguments, "--ro-bind", str(source), destination]


def _is_too_wide(prefix: Path) -> bool:
    """A prefix that is a home, or a folder of the system that holds more than programs, must not be bound whole."""
    home = Path(os.path.expanduser("~"))
    return prefix in (home, *home.parents) or str(prefix) in ("/", "/etc", "/var", "/home", "/root", "/run", "/tmp", "/srv")
