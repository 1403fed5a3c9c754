"""The network mode `internet`, in front of an internet of our own: two namespaces beside the machine's network, joined by a cable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace_worker.sandbox import InvalidSandboxSetting, SandboxSettings, SandboxUnavailable
from millrace_worker.sandbox.network import find_tools, ruleset

_HERE = Path(__file__).parent
_NEEDED = ("slirp4netns", "nft", "ip", "nsenter", "unshare")
_MISSING = [name for name in _NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]

in_a_world_of_its_own = pytest.mark.skipif(
    os.geteuid() != 0 or bool(_MISSING), reason=f"needs root, and {', '.join(_MISSING) or 'nothing else'}"
)


@pytest.fixture(scope="module")
def world() -> Iterator[dict[str, Any]]:
    """What an EE of each kind could do, as network_world.py found out."""
    command = ["unshare", "--net", "--mount", sys.executable, str(_HERE / "network_world.py")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=_HERE)
    assert result.returncode == 0, result.stderr[-4000:]
    yield json.loads(result.stdout.splitlines()[-1])


@in_a_world_of_its_own
@pytest.mark.parametrize("what", ["public", "public 6", "public by name", "allowed private", "allowed private 6", "own loopback"])
def test_what_can_be_reached(world: dict[str, Any], what: str) -> None:
    assert world["internet"][what] == "reached", world


@in_a_world_of_its_own
@pytest.mark.parametrize(
    "what",
    [
        "metadata",
        "metadata 6",
        "private",
        "private 6",
        "shared address space",
        "machine's own address",
        "machine's own address 6",
        "machine's loopback",
        "gateway's address",
        "denied public",
        "mapped private",
        "6to4",
        "another environment",
        "private, bound to the device",
        "private, without routing",
        "private by udp",
        "name server on another port",
    ],
)
def test_what_cannot_be_reached(world: dict[str, Any], what: str) -> None:
    assert world["open"].get(what, "reached") == "reached", "the test itself reaches it without the walls"
    assert world["internet"][what] != "reached", world


@in_a_world_of_its_own
def test_nothing_of_a_network_stays_when_its_environment_or_its_worker_ends(world: dict[str, Any]) -> None:
    assert world["left after kill"] == []
    assert world["left after the worker's kill"] == []


@in_a_world_of_its_own
def test_none_reaches_nothing_but_its_own_loopback(world: dict[str, Any]) -> None:
    reached = {what for what, outcome in world["none"].items() if outcome == "reached"}
    assert reached == {"own loopback"}


def test_without_the_tools_it_says_what_to_do(tmp_path: Path) -> None:
    settings = SandboxSettings(runtime_dir=tmp_path, network="internet", slirp4netns=tmp_path / "none")
    with pytest.raises(SandboxUnavailable) as caught:
        find_tools(settings)
    assert "slirp4netns" in caught.value.cause and "MILLRACE_NETWORK" in caught.value.remedy


def test_ranges_are_checked_and_overlaps_are_written_as_one() -> None:
    with pytest.raises(InvalidSandboxSetting) as caught:
        SandboxSettings(runtime_dir=Path("/"), network_allow=("10.0.0.1/8", "everything"))
    assert len(caught.value.problems) == 2
    rules = ruleset(["10.0.0.0/9", "10.128.0.0/9"], [], ["10.1.1.1", "fd00::2"])
    assert "ip daddr { 10.0.0.0/8 } accept" in rules
    # What the operator allows stands before what is private by itself.
    assert rules.index("10.0.0.0/8 } accept") < rules.index("169.254.0.0/16")
