"""Runs the Python that runs user code: bubblewrap's mounts, a uid and limits of its own, a system call filter, a watchdog."""

from .accounting import Usage
from .launcher import Sandbox
from .limits import Limits
from .machine import MachineMemory, default_reserve
from .process import ExitInfo, SandboxedProcess
from .settings import Check, InvalidSandboxSetting, SandboxSettings, SandboxUnavailable

__all__ = [
    "Check",
    "ExitInfo",
    "InvalidSandboxSetting",
    "Limits",
    "MachineMemory",
    "Sandbox",
    "SandboxSettings",
    "SandboxUnavailable",
    "SandboxedProcess",
    "Usage",
    "default_reserve",
]
