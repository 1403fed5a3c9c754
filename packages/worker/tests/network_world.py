"""Run by test_network.py in a network and mount namespace of its own: makes an internet, lets EEs at it, prints what they reached.

The namespace stands for the machine. A second one, joined to it by a veth pair, is everything else: public addresses, a
metadata service, private networks. In it one server answers on every address.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE / "hostile"), str(_HERE.parent)]

from harness import Ee, house  # noqa: E402

PORT = 8080
_MACHINE = ("100.99.0.2/24", "2606:4700:99::2/64")
_OUTSIDE = (
    *("100.99.0.1/24", "8.8.8.8/32", "9.9.9.9/32", "169.254.169.254/32", "10.1.2.3/32", "10.7.0.1/32", "100.64.1.1/32"),
    *("2606:4700:99::1/64", "2606:4700::1111/128", "fd00:ec2::254/128", "fd12::1/128", "fd77::1/128", "2002:a01:203::1/128"),
)
_TARGETS = {
    "public": "8.8.8.8",
    "public 6": "2606:4700::1111",
    "public by name": "example.com",
    "allowed private": "10.7.0.1",
    "allowed private 6": "fd77::1",
    "metadata": "169.254.169.254",
    "metadata 6": "fd00:ec2::254",
    "private": "10.1.2.3",
    "private 6": "fd12::1",
    "shared address space": "100.64.1.1",
    "machine's own address": "100.99.0.2",
    "machine's own address 6": "2606:4700:99::2",
    "gateway's address": "198.18.82.2",
    "denied public": "9.9.9.9",
    "mapped private": "::ffff:10.1.2.3",
    "6to4": "2002:a01:203::1",
    "machine's loopback": "127.0.0.1",
}
_TRICKS = {
    "private, bound to the device": "attempt('10.1.2.3', prepare=lambda s: s.setsockopt(socket.SOL_SOCKET, 25, b'tap0'))",
    "private, without routing": "attempt('10.1.2.3', prepare=lambda s: s.setsockopt(socket.SOL_SOCKET, 5, 1))",
    "name server on another port": f"attempt('198.18.82.3', {PORT})",
}

_SERVER = f"""
import socket, threading
def tcp(family, address):
    server = socket.socket(family); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6: server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((address, {PORT})); server.listen(64)
    while True: server.accept()[0].sendall(b'hello')
def names():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(('10.1.2.3', 53))
    while True:
        question, who = server.recvfrom(512)
        kind = question[-4:-2]
        answer = b'\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x01\\0\\x04\\x08\\x08\\x08\\x08' if kind == b'\\0\\x01' else b''
        server.sendto(question[:2] + b'\\x81\\x80\\0\\x01\\0' + (b'\\x01' if answer else b'\\0') + b'\\0\\0\\0\\0' + question[12:] + answer, who)
def echo():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(('0.0.0.0', {PORT}))
    while True:
        _, who = server.recvfrom(512); server.sendto(b'hello', who)
for work in (lambda: tcp(socket.AF_INET, '0.0.0.0'), lambda: tcp(socket.AF_INET6, '::'), names, echo):
    threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
threading.Event().wait()
"""

_CONNECT = f"""
import socket
def attempt(address, port={PORT}, prepare=None):
    try:
        for family, kind, protocol, _, target in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[:1]:
            with socket.socket(family, kind, protocol) as s:
                s.settimeout(3)
                if prepare: prepare(s)
                s.connect(target)
                return 'reached' if s.recv(5) == b'hello' else 'silence'
    except OSError as error:
        return f'{{type(error).__name__}} {{error}}'
"""


def main() -> None:
    """The machine's namespace is this process's own."""
    os.environ["MILLRACE_HOUSE"] = f"network-world-{os.getpid()}"
    servers = [make_outside(), serve()]
    try:
        print(json.dumps(asyncio.run(find_out())))
    finally:
        for server in servers:
            server.kill()
        Path("/tmp", os.environ["MILLRACE_HOUSE"]).unlink(missing_ok=True)


def make_outside() -> subprocess.Popen[str]:
    """The other namespace and the cable to it; its process is the server in it."""
    outside = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    while os.readlink(f"/proc/{outside.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    ip("link set lo up", f"link add here type veth peer name there netns {outside.pid}", "link set here up")
    within(
        outside.pid, "link set lo up", "link set there up", *(f"addr add {one} dev there nodad" for one in _OUTSIDE if ":" in one)
    )
    within(outside.pid, *(f"addr add {one} dev there" for one in _OUTSIDE if ":" not in one))
    ip(f"addr add {_MACHINE[0]} dev here", f"addr add {_MACHINE[1]} dev here nodad")
    ip("route add default via 100.99.0.1", "-6 route add default via 2606:4700:99::1")
    resolver = Path("/tmp", os.environ["MILLRACE_HOUSE"])
    resolver.write_text("nameserver 10.1.2.3\n")
    subprocess.run(["mount", "--bind", str(resolver), os.path.realpath("/etc/resolv.conf")], check=True)
    server = subprocess.Popen(
        ["nsenter", f"--net=/proc/{outside.pid}/ns/net", sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None and server.stdout.readline() == "ready\n"
    outside.kill()
    return server


def serve() -> subprocess.Popen[str]:
    """The machine's own services, on all its addresses, as the house's are."""
    code = _SERVER.replace("names, echo", "echo")
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stdout.readline() == "ready\n"
    return server


def ip(*commands: str) -> None:
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)


def within(pid: int, *commands: str) -> None:
    for command in commands:
        subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", *command.split()], check=True)


async def find_out() -> dict[str, Any]:
    modes: dict[str, dict[str, object]] = {
        "open": {"network": "open"},
        "internet": {"network": "internet", "network_allow": ("10.7.0.0/16", "fd77::/16"), "network_deny": ("9.9.9.9/32",)},
        "none": {"network": "none"},
    }
    found: dict[str, Any] = {}
    for mode, settings in modes.items():
        async with house(**settings) as here:
            ee = await here.spawn()
            found[mode] = await reach(ee)
            found[mode]["another environment"] = await reach_another(ee, await here.spawn())
            if mode == "internet":
                ee.process.kill("the test")
                await ee.process.wait()
                found["left after kill"] = carriers(expected=len(here.ees) - 1)
    found["left after the worker's kill"] = left_after_kill()
    for what in ("gateway's address", *_TRICKS):  # These mean something in a network of one's own only.
        found["open"].pop(what)
    return found


async def reach(ee: Ee) -> dict[str, str]:
    if (await ee.run("result = open('/proc/net/ipv6_route').read().count('tap0')")).result:
        await ee.run("import time\nwhile open('/proc/net/if_inet6').read().count('tap0') < 2: time.sleep(0.05)", 10)
    found = {}
    for what, address in _TARGETS.items():
        answer = await ee.run(f"{_CONNECT}\nresult = attempt({address!r})")
        found[what] = str(answer.result)
    for what, code in _TRICKS.items():
        found[what] = str((await ee.run(f"{_CONNECT}\nresult = {code}")).result)
    found["own loopback"] = str((await ee.run(_OWN_LOOPBACK)).result)
    found["private by udp"] = str((await ee.run(_BY_UDP)).result)
    return found


_OWN_LOOPBACK = """
import socket
with socket.create_server(('127.0.0.1', 0)) as server, socket.create_connection(server.getsockname()) as client:
    server.accept()[0].sendall(b'hello')
    result = 'reached' if client.recv(5) == b'hello' else 'silence'
"""
_BY_UDP = f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(1)
    try:
        s.sendto(b'x', ('10.1.2.3', {PORT}))
        result = 'reached' if s.recv(5) == b'hello' else 'silence'
    except OSError as error: result = str(error)
"""


async def reach_another(ee: Ee, other: Ee) -> str:
    """From one EE to what another listens on, by every address that it has."""
    listen = """
import socket, threading
server = socket.create_server(('0.0.0.0', 18081))
def serve():
    while True: server.accept()[0].sendall(b'hello')
threading.Thread(target=serve, daemon=True).start()
"""
    await other.run(listen)
    other.process.watch()
    outcomes = [
        str((await ee.run(f"{_CONNECT}\nresult = attempt({one!r}, 18081)")).result) for one in ("127.0.0.1", "198.18.82.100")
    ]
    return "reached" if "reached" in outcomes else outcomes[0]


def carriers(expected: int) -> list[str]:
    """What runs of slirp4netns in this namespace beyond what is expected, once it had time to go."""
    return until_only(expected, "slirp4netns")


def left_after_kill() -> list[str]:
    """A worker with an EE is killed as nothing can be caught; some time later nothing of it is there."""
    code = f"""
import asyncio, sys
sys.path[:0] = {sys.path[:2]!r}
from harness import house
async def run():
    async with house(network='internet') as here:
        print('started', flush=True)
        await asyncio.sleep(1000)
asyncio.run(run())
"""
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None and worker.stdout.readline() == "started\n"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    return [*until_only(0, "slirp4netns"), *until_only(0, "bwrap")]


def until_only(expected: int, name: str) -> list[str]:
    deadline = time.monotonic() + 10
    while len(found := _running(name)) > expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return found[expected:]


def _running(name: str) -> list[str]:
    """By the mark of the house, which its programs carry in their environment."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            inherited = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if os.path.basename(arguments[0].decode()) == name and os.environ["MILLRACE_HOUSE"].encode() in inherited:
            found.append(pid)
    return found


main()
