"""The network mode `internet`: each EE has a network namespace of its own, a way out of it, and rules about where to.

slirp4netns carries what leaves the namespace as ordinary connections of its own, so nothing of the machine's network has to be
changed and nothing reaches an EE from outside. nftables rules within the namespace say where connections may go; user code lacks
the rights to change them. One namespace for each EE, because EEs that shared one would share its loopback: each could reach
what another listens on.
"""

from __future__ import annotations

import fcntl
import ipaddress
import itertools
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .mark import mark
from .settings import SandboxSettings, SandboxUnavailable

_CIDR = "198.18.82.0/24"
"""Of the range for benchmarks (RFC 2544), which no network uses, so that it hides nothing that an operator allows."""
_NAME_SERVER, _NAME_SERVER_6 = "198.18.82.3", "fd00::3"
RESOLV_CONF = f"nameserver {_NAME_SERVER}\n"

_NOT_PUBLIC = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
# Teredo, 6to4, ORCHID and documentation lie within 2000::/3, which is all that is public; two of them carry an IPv4 address.
_NOT_PUBLIC_6 = ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
_NS_GET_USERNS = 0xB701
_TOOL_FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin", "/usr/local/sbin")


@dataclass(frozen=True)
class Tools:
    """The programs that make an uplink."""

    slirp4netns: str
    nft: str
    nsenter: str


def find_tools(settings: SandboxSettings) -> Tools:
    """Every program that the mode needs; SandboxUnavailable names those that are missing."""
    paths = {
        "slirp4netns": settings.slirp4netns,
        "nft": settings.nft,
        "nsenter": None,
    }
    found = {name: str(path) if path is not None else _which(name) for name, path in paths.items()}
    missing = [name for name, path in found.items() if not path or not os.access(path, os.X_OK)]
    if missing:
        raise SandboxUnavailable(
            f"The network mode internet needs {', '.join(missing)}.",
            "Install them (apt-get install slirp4netns nftables util-linux), name them with MILLRACE_SLIRP4NETNS and MILLRACE_NFT, "
            "or choose another mode with MILLRACE_NETWORK: none, or open if user code may reach all that this machine reaches.",
        )
    if not os.path.exists("/dev/net/tun"):
        raise SandboxUnavailable("There is no /dev/net/tun.", "On the host: modprobe tun; in Docker: --device /dev/net/tun.")
    return Tools(**{name: path or "" for name, path in found.items()})


def _which(name: str) -> str | None:
    import shutil  # Which imports every compression there is.

    return shutil.which(name, path=":".join((os.environ.get("PATH", ""), *_TOOL_FOLDERS)))


def ruleset(allow: Sequence[str], deny: Sequence[str], own: Sequence[str]) -> str:
    """The rules of one EE as nft reads them; `own` are the machine's addresses, which are as private as its loopback."""
    return "\n".join(
        [
            "table inet millrace {",
            " chain output {",
            "  type filter hook output priority 0; policy drop;",
            "  oif lo accept",
            f"  ip daddr {_NAME_SERVER} meta l4proto {{ tcp, udp }} th dport 53 accept",
            f"  ip6 daddr {_NAME_SERVER_6} meta l4proto {{ tcp, udp }} th dport 53 accept",
            "  icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept",
            *_rules(deny, "reject with icmpx admin-prohibited"),
            *_rules(allow, "accept"),
            *_rules([*_NOT_PUBLIC, *_NOT_PUBLIC_6, *own], "reject with icmpx admin-prohibited"),
            "  meta nfproto ipv4 accept",
            "  ip6 daddr 2000::/3 accept",
            "  reject with icmpx admin-prohibited",
            " }",
            "}",
            "",
        ]
    )


def _rules(ranges: Sequence[str], verdict: str) -> list[str]:
    """One rule for each family; ranges that overlap are written as one, as a set wants them."""
    rules = []
    for family, word in ((4, "ip"), (6, "ip6")):
        networks = [network for network in map(ipaddress.ip_network, ranges) if network.version == family]
        if networks:
            listed = ", ".join(str(network) for network in ipaddress.collapse_addresses(networks))  # type: ignore[type-var]
            rules.append(f"  {word} daddr {{ {listed} }} {verdict}")
    return rules


def own_addresses() -> list[str]:
    """Every address of this machine: what listens on it listens on each of them."""
    addresses = set()
    lines = Path("/proc/net/fib_trie").read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if "/32 host LOCAL" in line:
            addresses.add(before.split()[-1])
    try:
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            addresses.add(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0])))
    except OSError:
        pass  # No IPv6 here.
    return sorted(addresses)


def has_route_6() -> bool:
    """Whether the machine itself gets anywhere by IPv6: an EE that only thought so would wait for it in vain."""
    try:
        routes = [line.split() for line in Path("/proc/net/ipv6_route").read_text().splitlines()]
    except OSError:
        return False
    return any(route[1] == "00" and route[0] == "0" * 32 and route[9] != "lo" for route in routes)


class Uplink:
    """The way out of one EE's network namespace. It ends with the EE and, by the pipe that it holds, with the worker."""

    def __init__(self, settings: SandboxSettings, init_pid: int) -> None:
        tools = find_tools(settings)
        self._namespace = os.open(f"/proc/{init_pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._owner = -1 if os.geteuid() == 0 else fcntl.ioctl(self._namespace, _NS_GET_USERNS)
        self.ready_fd, ready = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        exit_reader, self._exit = os.pipe2(os.O_CLOEXEC)
        try:
            self.rules = self._start_nft(tools, settings)
            self.carrier = self._start_slirp(tools, ready, exit_reader)
        except BaseException:
            self._close(self.ready_fd, self._exit, self._namespace, self._owner)
            raise
        finally:
            self._close(ready, exit_reader)
        self.rules_pidfd, self.carrier_pidfd = os.pidfd_open(self.rules.pid), os.pidfd_open(self.carrier.pid)

    def _start_nft(self, tools: Tools, settings: SandboxSettings) -> subprocess.Popen[bytes]:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            os.write(writer, ruleset(settings.network_allow, settings.network_deny, own_addresses()).encode())
            enter = [f"--net=/proc/self/fd/{self._namespace}", *self._enter_owner()]
            return self._spawn([tools.nsenter, *enter, tools.nft, "-f", "-"], (), reader)
        finally:
            os.close(writer)
            os.close(reader)

    def _start_slirp(self, tools: Tools, ready: int, leave: int) -> subprocess.Popen[bytes]:
        options = ["--configure", "--mtu=65520", f"--cidr={_CIDR}", "--disable-host-loopback"]
        if has_route_6():
            options.append("--enable-ipv6")
        options += ["--enable-sandbox", "--enable-seccomp", f"--ready-fd={ready}", f"--exit-fd={leave}", "--netns-type=path"]
        enter = [tools.nsenter, *self._enter_owner()] if self._owner >= 0 else []
        command = [*enter, tools.slirp4netns, *options, f"/proc/self/fd/{self._namespace}", "tap0"]
        return self._spawn(command, (ready, leave), subprocess.DEVNULL)

    def _enter_owner(self) -> list[str]:
        """An ordinary user is root over the namespace only in the user namespace that bubblewrap made. There this user is 0 as
        he is, and may not change his groups."""
        return [f"--user=/proc/self/fd/{self._owner}", "--preserve-credentials"] if self._owner >= 0 else []

    def _spawn(self, command: list[str], passed: tuple[int, ...], stdin: int) -> subprocess.Popen[bytes]:
        spaces = tuple(descriptor for descriptor in (self._namespace, self._owner) if descriptor >= 0)
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(*passed, *spaces),
            # Not to die of what is meant for the house's whole process group.
            start_new_session=True,
            env=mark(),
            cwd="/",
        )

    def is_ready(self) -> bool:
        """What slirp4netns has said; to be asked when its pipe is readable."""
        try:
            return os.read(self.ready_fd, 1) == b"1"
        except BlockingIOError:
            return False

    def rules_hold(self) -> bool:
        """Whether nft has ended well; to be asked when it has ended."""
        return self.rules.wait() == 0

    def close(self, forget: Callable[[int], None]) -> None:
        """End it. `forget` is called with each descriptor that somebody may wait for, before it is closed."""
        for descriptor in (self.ready_fd, self.rules_pidfd, self.carrier_pidfd):
            forget(descriptor)
        for program in (self.rules, self.carrier):
            if program.poll() is None:
                program.kill()
                program.wait()
        self._close(self.ready_fd, self.rules_pidfd, self.carrier_pidfd, self._exit, self._namespace, self._owner)

    @staticmethod
    def _close(*descriptors: int) -> None:
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)
