"""User code that looks for a way out: files, other processes, privileges, the kernel's surface."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
from pathlib import Path

import pytest
from harness import attack, house

LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that anyone on the host may read, so that only the sandbox's mounts stand before it."""
    file = tmp_path / "secret"
    file.write_text("the platform's password")
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    return file


def test_files_of_the_host_do_not_exist(secret: Path) -> None:
    home = os.path.expanduser("~")
    paths = [str(secret), "/etc/shadow", f"{home}/.bashrc", "/run/docker.sock", "/var/run/docker.sock", "/var/log", __file__]
    paths += ["/etc/ssl/private", "/proc/kcore/x", "/sys/kernel", "/run/millrace", "/etc/machine-id", "/etc/fstab"]
    answer = attack(f"import os\nresult = [p for p in {paths!r} if os.path.lexists(p)]")
    assert answer.ok and answer.result == [], answer


def test_the_root_lists_only_what_was_bound() -> None:
    answer = attack("import os\nresult = sorted(os.listdir('/'))")
    allowed = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "millrace", "proc", "sbin", "tmp", "usr", "var"}
    prefix = {Path(os.path.realpath("/proc/self/exe")).parts[1], Path(os.__file__).parts[1]}
    assert isinstance(answer.result, list) and set(answer.result) <= allowed | prefix, answer


def test_the_environment_is_empty_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_NATS_PASSWORD", "hunter22")
    source = """
import os, glob
result = dict(os.environ)
for name in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline'):
    try: text = open(name, 'rb').read()
    except OSError: continue
    assert b'hunter22' not in text, name
"""
    answer = attack(source)
    assert answer.ok and isinstance(answer.result, dict), answer
    assert set(answer.result) <= {"PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME", "PWD", "LC_CTYPE"}


def test_descriptors_are_the_promised_ones_and_no_others() -> None:
    answer = attack(
        "import os\nresult = {n: os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')}"
    )
    assert isinstance(answer.result, dict) and set(answer.result) <= {"0", "1", "2", "3", "1000", "1001"}, answer
    assert answer.result["0"] == "/dev/null"
    assert all(answer.result[n].startswith("pipe:") for n in ("1", "2", "1000", "1001"))


def test_init_is_closed_to_user_code() -> None:
    source = """
import os
result = []
for name in ('mem', 'environ', 'root', 'cwd', 'exe', 'maps', *(f'fd/{n}' for n in range(100))):
    try:
        if name in ('root', 'cwd'): result.append((name, os.listdir(f'/proc/1/{name}')))
        elif name == 'mem': result.append((name, os.close(os.open('/proc/1/mem', os.O_RDWR))))
        else: result.append((name, open(f'/proc/1/{name}', 'rb').read(10)))
    except OSError: pass
"""
    answer = attack(source)
    assert answer.ok and answer.result == [], answer


def test_another_ee_and_its_tmp_are_out_of_sight() -> None:
    async def run() -> None:
        async with house() as here:
            assert (await here.neighbour.run("open('/tmp/mine', 'w').write('secret')")).ok
            answer = await here.attack("import os\nresult = os.listdir('/tmp'), os.listdir('/var/tmp'), os.listdir('/dev/shm')")
            assert answer.result == [[], [], []], answer
            # The neighbour's pid as the host counts it, through whatever proc shows.
            answer = await here.attack(f"import os\nresult = os.path.exists('/proc/{here.neighbour.process.pid}/root/tmp/mine')")
            assert answer.result is False

    asyncio.run(run())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/etc/x",
        "/usr/x",
        "/dev/x",
        "/millrace/x",
        "/millrace/runtime/x",
        "/proc/x",
        "/var/x",
        "/usr/bin/python3",
        "/etc/passwd",
    ],
)
def test_nothing_but_tmp_and_shm_can_be_written(path: str) -> None:
    target = f"{path}x" if path == "/" else path
    answer = attack(f"open({target!r}, 'a').write('x')")
    assert answer.error in {"PermissionError", "OSError", "FileNotFoundError"}, answer


def test_nothing_below_proc_sys_can_be_written() -> None:
    source = """
import os
result = []
for folder, _, names in os.walk('/proc/sys'):
    for name in names:
        path = os.path.join(folder, name)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            result.append(path)
        except OSError: pass
for path in ('/proc/sysrq-trigger', '/proc/1/oom_score_adj', '/proc/self/uid_map', '/proc/self/gid_map', '/proc/self/setgroups', '/proc/irq/0/smp_affinity'):
    try:
        with open(path, 'w') as file: file.write('0 0 1')
        result.append(path)
    except OSError: pass
"""
    answer = attack(source)
    assert answer.ok and answer.result == [], answer


CALLS = {
    "ptrace": "ptrace(0, 0, 0, 0)",
    "mount": "mount(b'none', b'/tmp', b'tmpfs', 0, 0)",
    "remount": "mount(b'none', b'/', 0, 32, 0)",
    "umount": "umount2(b'/tmp', 2)",
    "unshare user": "unshare(0x10000000)",
    "unshare mount": "unshare(0x00020000)",
    "unshare time": "unshare(0x80)",
    "chroot": "chroot(b'/tmp')",
    "setns": "setns(0, 0)",
    "process_vm_readv": "process_vm_readv(1, 0, 0, 0, 0, 0)",
    "personality": "personality(0x0040000)",
    "sethostname": "sethostname(b'x', 1)",
    "setuid 0": "setuid(0)",
    "setgroups": "setgroups(1, (ctypes.c_int * 1)(0))",
    "mknod": "mknod(b'/tmp/d', 0o60666, 0xfe00)",
    "open_by_handle_at": "open_by_handle_at(3, ctypes.create_string_buffer(64), 0)",
    "pivot_root": "syscall(155, b'/tmp', b'/tmp')",
    "keyctl": "syscall(250, 0, 0, 0, 0, 0)",
    "bpf": "syscall(321, 0, 0, 0)",
    "perf": "syscall(298, 0, 0, 0, 0, 0)",
    "userfaultfd": "syscall(323, 0)",
    "io_uring": "syscall(425, 8, ctypes.create_string_buffer(256))",
    "kexec": "syscall(246, 0, 0, 0, 0)",
    "module": "syscall(313, 0, b'', 0)",
    "memfd_secret": "syscall(447, 0)",
    "clone3": "syscall(435, ctypes.create_string_buffer(88), 88)",
    "clone newuser": "syscall(56, 0x10000011, 0, 0, 0, 0)",
    "clone newuser, high bits": "syscall(56, ctypes.c_ulong(0x1_10000011), 0, 0, 0, 0)",
    "fsopen": "syscall(430, b'tmpfs', 0)",
    "mount_setattr": "syscall(442, -100, b'/', 0, ctypes.create_string_buffer(32), 32)",
    "pidfd_getfd": "syscall(438, 0, 0, 0)",
    "unknown": "syscall(463, 0, 0, 0)",
    "TIOCSTI": "ioctl(0, 0x5412, b'x')",
    "TIOCSTI, high bits": "ioctl(0, ctypes.c_ulong(0x1_00005412), b'x')",
    "AF_VSOCK": "socket(40, 1, 0)",
    "AF_PACKET": "socket(17, 3, 0)",
    "AF_ALG": "socket(38, 5, 0)",
    "raw": "socket(2, 3, 255)",
    "netlink audit": "socket(16, 3, 9)",
    "syslog": "klogctl(3, ctypes.create_string_buffer(8), 8)",
    "reboot": "reboot(0x1234567)",
    "iopl": "syscall(172, 3)",
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system call numbers of x86_64")
def test_the_kernels_surface_is_closed(name: str) -> None:
    answer = attack(f"{LIBC}result = libc.{CALLS[name]}, ctypes.get_errno()")
    assert answer.ok and isinstance(answer.result, list), answer
    assert answer.result[0] == -1 and answer.result[1] in {1, 13, 22, 38, 97}, answer


def test_the_filters_refusals_are_the_filters() -> None:
    """EINVAL and EPERM above could be the kernel's own; with arguments that it would take, only the filter says no."""
    answer = attack(
        f"{LIBC}result = [libc.unshare(0x10000000), libc.socket(38, 5, 0), libc.syscall(435, 0, 0), ctypes.get_errno()]"
    )
    assert answer.ok and answer.result == [-1, -1, -1, 38], answer


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="machine code of x86_64")
@pytest.mark.parametrize(
    "code", [b"\xb8\x14\x00\x00\x00\xcd\x80\xc3", b"\xb8\x27\x00\x00\x40\x0f\x05\xc3"], ids=["int 0x80", "x32"]
)
def test_another_architectures_numbers_kill(code: bytes) -> None:
    source = f"""
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write({code!r})
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
"""
    answer = attack(source)
    assert answer.end is not None and answer.end.kind == "signalled", answer


def test_the_interpreter_cannot_be_overwritten() -> None:
    answer = attack("import os\nos.open('/proc/self/exe', os.O_WRONLY)")
    assert answer.error in {"PermissionError", "OSError"}


def test_a_set_user_id_program_gains_nothing() -> None:
    source = """
import subprocess
result = subprocess.run(['/bin/su', '-c', 'id -u'], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
"""
    answer = attack(source)
    assert answer.error == "FileNotFoundError" or answer.result == "", answer


def test_it_is_nobody() -> None:
    source = """
import os, pwd
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
result = [os.getuid(), os.getgid(), os.getgroups(), pwd.getpwuid(os.getuid()).pw_name, os.uname().nodename]
result += [status[name].strip() for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp')]
"""
    answer = attack(source)
    assert isinstance(answer.result, list) and answer.result[0] >= 1000 and answer.result[1] >= 1000, answer
    assert answer.result[3:5] == ["millrace", "millrace"]
    assert answer.result[5:] == ["0" * 16] * 5 + ["1", "2"]


def test_core_dumps_are_off() -> None:
    answer = attack("import resource\nresult = resource.getrlimit(resource.RLIMIT_CORE)")
    assert answer.result == [0, 0]


def test_network_none_has_only_loopback() -> None:
    answer = attack("import socket\nresult = [name for _, name in socket.if_nameindex()]", network="none")
    assert answer.ok and answer.result == ["lo"], answer


def test_abstract_sockets_of_the_host_are_out_of_reach() -> None:
    if ctypes.CDLL(None).syscall(444, None, 0, 1) < 6:
        pytest.skip("Landlock cannot scope sockets before Linux 6.12")
    name = f"\0millrace-hostile-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        answer = attack(f"import socket\nsocket.socket(socket.AF_UNIX).connect({name!r})")
    assert answer.error == "PermissionError", answer
    inside = "import socket\ns = socket.socket(socket.AF_UNIX); s.bind('\\0x'); s.listen()\nsocket.socket(socket.AF_UNIX).connect('\\0x')"
    assert attack(inside).ok


def test_ordinary_things_work() -> None:
    """A sandbox that refuses everything would pass the rest of this file."""
    source = """
import subprocess, multiprocessing, socket, ssl, threading, asyncio, tempfile, os, sqlite3, pty, ctypes
from concurrent.futures import ThreadPoolExecutor
assert subprocess.run(['/bin/sh', '-c', 'echo hi | cat'], capture_output=True, text=True).stdout == 'hi\\n'
with multiprocessing.get_context('fork').Pool(4) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
with ThreadPoolExecutor(8) as threads: assert list(threads.map(abs, [-3])) == [3]
one, two = socket.socketpair(); one.send(b'x'); assert two.recv(1) == b'x'
server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname())
ssl.create_default_context()
socket.getaddrinfo('localhost', 80)
asyncio.run(asyncio.sleep(0))
with tempfile.NamedTemporaryFile() as file: file.write(b'x')
sqlite3.connect('/tmp/db').execute('create table t (a)')
from multiprocessing import shared_memory
block = shared_memory.SharedMemory(create=True, size=1000); block.close(); block.unlink()
os.write(os.open('/dev/stdout', os.O_WRONLY), b'reopened')
os.write(os.open('/dev/null', os.O_WRONLY), b'x'); assert os.read(os.open('/dev/urandom', os.O_RDONLY), 1)
pty.openpty()
open('/proc/self/environ').read(); os.listdir('/proc/self/fd'); open('/proc/self/smaps_rollup').read()
result = 'fine'
"""
    answer = attack(source)
    assert answer.ok and answer.result == "fine", answer
