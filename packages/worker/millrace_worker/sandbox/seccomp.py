"""The system call filter of an EE, assembled here so that no library has to be installed.

The filter refuses rather than allows, because user code may import anything: a list of what is allowed would have to know
every native package. Three rules make a refusing list safe to keep: a system call newer than those listed here does
not exist (ENOSYS, which every libc copes with), another architecture's numbers kill the process, and everything
refused would need a capability or a namespace that the EE does not have anyway, or is kernel surface that user code has
no use for. The filter is the second wall, not the first.

The kernel caches filters whose verdict depends on the number alone (a bitmap, since 5.11), so its length costs nothing.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

# Classic BPF opcodes and the verdicts of seccomp(2), by their names in <linux/bpf_common.h> and <linux/seccomp.h>.
_LD_W_ABS, _JEQ, _JGE, _JSET, _AND, _RET = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_RET_ALLOW, _RET_KILL_PROCESS, _RET_ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NR, _ARCH, _ARG = 0, 4, 16
_X32_BIT = 0x40000000

_LAST_KNOWN_CALL = 462
"""mseal. Numbers are the same on all architectures from 424 on; what came later answers ENOSYS."""

_NAMESPACE_FLAGS = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, and NEWTIME for unshare."""
_NEWTIME = 0x80
_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6. AF_NETLINK only with protocol 0, which getaddrinfo asks for the interfaces."""
_AF_NETLINK, _SOCK_TYPE_MASK, _SOCK_RAW = 16, 0xF, 3
_TERMINAL_IOCTLS = (0x5412, 0x541C)
"""TIOCSTI types into a terminal as its user would, TIOCLINUX pastes on consoles."""

_REFUSED: dict[str, tuple[int, int]] = {
    # name: number on x86_64, number on aarch64 (-1: it has none)
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "mount_setattr": (442, 442),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "create_module": (174, -1),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "query_module": (178, -1),
    "get_kernel_syms": (177, -1),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    "uselib": (134, -1),
    "ustat": (136, -1),
    "sysfs": (139, -1),
    "_sysctl": (156, -1),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "remap_file_pages": (216, 234),
    # System V and POSIX message queues, semaphores and segments are kernel memory that no accounting of ours sees;
    # Python's own (multiprocessing) are files in /dev/shm, which is bounded.
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}

_ABSENT: dict[str, tuple[int, int]] = {
    # These answer ENOSYS, as an older kernel would, so that libraries take their other path.
    "clone3": (435, 435),  # its flags lie in memory where no filter can look; glibc falls back to clone
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # A memfd that is mapped nowhere, or that waits in a socket as a message, is memory in nobody's account.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    # A pipe holds on to the pages that it was given after they are unmapped: 16 huge pages, 32 MB, for each pipe.
    "vmsplice": (278, 75),
}

_CLONE, _UNSHARE, _SOCKET, _IOCTL, _PERSONALITY = (56, 220), (272, 97), (41, 198), (16, 29), (135, 92)


@dataclass(frozen=True)
class Architecture:
    """What differs between machines: the audit number, the column in the tables, and whether x32 exists."""

    audit: int
    column: int
    has_x32: bool


_ARCHITECTURES = {
    "x86_64": Architecture(0xC000003E, 0, True),
    "aarch64": Architecture(0xC00000B7, 1, False),
}


def supported_architecture(machine: str | None = None) -> Architecture | None:
    """The architecture of this machine, or None when there is no table for it (the sandbox then refuses to start)."""
    return _ARCHITECTURES.get(machine or platform.machine())


def assemble_filter(arch: Architecture) -> bytes:
    """The filter as the kernel takes it: an array of struct sock_filter."""
    program = [_load(_ARCH), _jump(_JEQ, arch.audit, 1, 0), _ret(_RET_KILL_PROCESS), _load(_NR)]
    if arch.has_x32:
        program += [_jump(_JGE, _X32_BIT, 0, 1), _ret(_RET_KILL_PROCESS)]
    program += [_jump(_JGE, _LAST_KNOWN_CALL + 1, 0, 1), _fail(errno.ENOSYS)]
    for table, code in ((_ABSENT, errno.ENOSYS), (_REFUSED, errno.EPERM)):
        for numbers in table.values():
            if numbers[arch.column] >= 0:
                program += _when(numbers[arch.column], [_fail(code)])
    program += _when(_CLONE[arch.column], _refuse_flags(_NAMESPACE_FLAGS & ~_NEWTIME))
    program += _when(_UNSHARE[arch.column], _refuse_flags(_NAMESPACE_FLAGS))
    program += _when(_IOCTL[arch.column], _refuse_values(1, _TERMINAL_IOCTLS))
    program += _when(_PERSONALITY[arch.column], _only_values(0, (0, 0xFFFFFFFF)))
    program += _when(_SOCKET[arch.column], _check_socket())
    program.append(_ret(_RET_ALLOW))
    return b"".join(program)


def _insn(code: int, true: int, false: int, k: int) -> bytes:
    return struct.pack("=HBBI", code, true, false, k)


def _load(offset: int) -> bytes:
    return _insn(_LD_W_ABS, 0, 0, offset)


def _argument(index: int) -> bytes:
    # Only the low half: the kernel reads flags, families and ioctl numbers as 32 bits, so a filter that compared all
    # 64 would be passed by setting a high bit.
    return _load(_ARG + 8 * index)


def _jump(code: int, k: int, true: int, false: int) -> bytes:
    return _insn(code, true, false, k)


def _ret(verdict: int) -> bytes:
    return _insn(_RET, 0, 0, verdict)


def _fail(code: int) -> bytes:
    return _ret(_RET_ERRNO | code)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """`body`, which must return, for one system call; the number stays loaded for the next test."""
    return [_jump(_JEQ, number, 0, len(body)), *body]


def _refuse_flags(mask: int) -> list[bytes]:
    return [_argument(0), _jump(_JSET, mask, 0, 1), _fail(errno.EPERM), _ret(_RET_ALLOW)]


def _refuse_values(index: int, values: tuple[int, ...]) -> list[bytes]:
    body = [_argument(index)]
    for value in values:
        body += [_jump(_JEQ, value, 0, 1), _fail(errno.EPERM)]
    return [*body, _ret(_RET_ALLOW)]


def _only_values(index: int, values: tuple[int, ...]) -> list[bytes]:
    body = [_argument(index)]
    for value in values:
        body += [_jump(_JEQ, value, 0, 1), _ret(_RET_ALLOW)]
    return [*body, _fail(errno.EPERM)]


def _check_socket() -> list[bytes]:
    refuse_raw = [
        _argument(1),
        _insn(_AND, 0, 0, _SOCK_TYPE_MASK),
        _jump(_JEQ, _SOCK_RAW, 0, 1),
        _fail(errno.EPERM),
        _ret(_RET_ALLOW),
    ]
    netlink = [_argument(2), _jump(_JEQ, 0, 0, 1), _ret(_RET_ALLOW), _fail(errno.EAFNOSUPPORT)]
    body = [_argument(0), _jump(_JEQ, _AF_NETLINK, 0, len(netlink)), *netlink]
    for family in _FAMILIES:
        body += [_jump(_JEQ, family, 0, len(refuse_raw)), *refuse_raw]
    return [*body, _fail(errno.EAFNOSUPPORT)]
