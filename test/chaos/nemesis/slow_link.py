"""Stands in the cable between a host and the bridge, and delays, reorders and drops what goes through.

The kernel's own way (tc netem) is not in every kernel; sockets on both ends are. Frames from and to the address that is
exempt pass at once. Ends with its standard input, and mends the cable.
"""

import argparse
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
VNET_HEADER = 10
FRAME_MAX = 70_000


def ip(*words: str) -> None:
    """Runs `ip`."""
    subprocess.run(["ip", *words], check=True)


def open_tap(name: str) -> int:
    """One end: a device of our own on the bridge. Offloaded frames keep their head, so that nothing is computed here."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return tap


def open_link(name: str) -> socket.socket:
    """The other end: whatever leaves the host's cable."""
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    link.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    link.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    link.bind((name, 0))
    link.setblocking(False)
    return link


def is_exempt(frame: bytes, address: bytes) -> bool:
    """Whether a frame is from or to the address, questions for its hardware address included."""
    packet = frame[VNET_HEADER + 14 :]
    kind = frame[VNET_HEADER + 12 : VNET_HEADER + 14]
    if kind == b"\x08\x00":
        return address in (packet[12:16], packet[16:20])
    return kind == b"\x08\x06"


class Cable:
    """What is under way, by the time at which it arrives."""

    def __init__(self, options: argparse.Namespace, tap: int, link: socket.socket) -> None:
        self.options = options
        self.tap = tap
        self.link = link
        self.exempt = socket.inet_aton(options.exempt)
        self.heap: list[tuple[float, int, bool, bytes]] = []
        self.count = 0

    def take(self, to_host: bool, frame: bytes) -> None:
        """Delays a frame, or loses it."""
        options = self.options
        if is_exempt(frame, self.exempt):
            self.send(to_host, frame)
        elif random.random() >= options.loss:
            delay = options.delay_ms + random.uniform(-1, 1) * options.jitter_ms
            self.count += 1
            heapq.heappush(self.heap, (time.monotonic() + max(0.0, delay) / 1000, self.count, to_host, frame))

    def deliver(self) -> float:
        """Sends what is due; returns the seconds until the next."""
        while self.heap:
            wait = self.heap[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, to_host, frame = heapq.heappop(self.heap)
            self.send(to_host, frame)
        return 1.0

    def send(self, to_host: bool, frame: bytes) -> None:
        """A full queue loses the frame, as a network does."""
        try:
            if to_host:
                self.link.send(frame)
            else:
                os.write(self.tap, frame)
        except OSError:
            pass

    def run(self) -> None:
        """Until standard input ends."""
        poll = select.poll()
        for end in (self.tap, self.link.fileno(), sys.stdin.fileno()):
            poll.register(end, select.POLLIN)
        wait = 1.0
        while True:
            ready = {end for end, _ in poll.poll(wait * 1000)}
            if sys.stdin.fileno() in ready:
                return
            try:
                if self.tap in ready:
                    self.take(True, os.read(self.tap, FRAME_MAX))
                if self.link.fileno() in ready:
                    self.take(False, self.link.recv(FRAME_MAX))
            except OSError:
                pass
            wait = self.deliver()


def main() -> None:
    """Cuts the cable, stands between the ends, and mends it."""
    parser = argparse.ArgumentParser()
    for name in ("--link", "--bridge", "--tap", "--exempt"):
        parser.add_argument(name, required=True)
    for name in ("--delay-ms", "--jitter-ms", "--loss"):
        parser.add_argument(name, type=float, required=True)
    parser.add_argument("--seed", required=True)
    options = parser.parse_args()
    random.seed(options.seed)
    tap, link = open_tap(options.tap), open_link(options.link)
    ip("link", "set", options.tap, "up", "promisc", "on")
    ip("link", "set", options.link, "promisc", "on", "nomaster")
    ip("link", "set", options.tap, "master", options.bridge)
    print("slow", flush=True)
    try:
        Cable(options, tap, link).run()
    finally:
        os.close(tap)
        ip("link", "set", options.link, "promisc", "off", "master", options.bridge)


if __name__ == "__main__":
    main()
