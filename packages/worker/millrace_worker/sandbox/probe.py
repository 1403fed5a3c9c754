"""Whether the sandbox can work here: looks at the machine, then starts one and asks it what it could do."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import platform
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from . import bubblewrap
from .launcher import Sandbox
from .protections import find_protections
from .seccomp import supported_architecture
from .settings import MIB, UNSAFE_VARIABLE, Check, SandboxSettings, SandboxUnavailable

_OPTIONS = ("--as-pid-1", "--clearenv", "--perms", "--size", "--ro-bind-data", "--info-fd")
_PROBE_PROCESSES = 8
_SYSCTLS = {
    "kernel/unprivileged_userns_clone": "1",
    "kernel/apparmor_restrict_unprivileged_userns": "0",
}
_READ_TIMEOUT_S = 20

Report = dict[str, Any]
"""What probe_runtime wrote."""


def run_checks(settings: SandboxSettings) -> list[Check]:
    """Every check; those that need a sandbox are left out when none starts."""
    checks = [*_check_platform(), *_check_bwrap(settings)]
    if not bubblewrap.is_root():
        checks += _check_user_namespaces(settings)
    if settings.unsafe:
        detail = f"{UNSAFE_VARIABLE} is set: user code runs with all rights of this user"
        return [*checks, Check("sandbox in force", False, detail, f"Unset {UNSAFE_VARIABLE}.")]
    if all(check.ok for check in checks[:3]):
        checks += _check_by_starting_one(settings)
    return [*checks, *find_protections(settings)]


def assert_available(settings: SandboxSettings) -> None:
    """Raise SandboxUnavailable with the first failed check as its cause; silent in unsafe mode."""
    if settings.unsafe:
        return
    checks = run_checks(settings)
    failed = [check for check in checks if check.needed and not check.ok]
    if failed:
        # The last one, when a start failed, is the symptom; what the machine lacks stands before it.
        raise SandboxUnavailable(f"{failed[0].name}: {failed[0].detail}.", failed[0].remedy, tuple(checks))


def main() -> int:
    """`python -m millrace_worker.sandbox --probe`: one JSON document, exit code 0 when all is well."""
    settings = SandboxSettings.from_env(os.environ, runtime_dir=Path(__file__).with_name("probe_runtime"))
    checks = run_checks(settings)
    ok = all(check.ok or not check.needed for check in checks)
    print(json.dumps({"ok": ok, "checks": [dataclasses.asdict(check) for check in checks]}, indent=2))
    return 0 if ok else 1


def _check_platform() -> list[Check]:
    linux = sys.platform == "linux"
    checks = [
        Check(
            "linux",
            linux,
            f"{platform.system()} {platform.release()}",
            "" if linux else "The sandbox needs Linux: use a virtual machine or a container on one (Docker, Lima, WSL 2).",
        )
    ]
    known = supported_architecture() is not None
    remedy = "" if known else "The system call filter knows x86_64 and aarch64 only."
    return [*checks, Check("architecture", known, platform.machine(), remedy)]


def _check_bwrap(settings: SandboxSettings) -> list[Check]:
    bwrap = settings.find_bwrap()
    if bwrap is None:
        remedy = "Install it (apt-get install bubblewrap, dnf install bubblewrap) or set MILLRACE_SANDBOX_BWRAP."
        return [Check("bubblewrap", False, "not found", remedy)]
    version = _output([str(bwrap), "--version"])
    missing = [option for option in _OPTIONS if option not in _output([str(bwrap), "--help"])]
    if missing:
        return [Check("bubblewrap", False, f"{bwrap} ({version}) lacks {', '.join(missing)}", "Use bubblewrap 0.8 or later.")]
    return [Check("bubblewrap", True, f"{bwrap} ({version})")]


def _check_user_namespaces(settings: SandboxSettings) -> list[Check]:
    for name, wanted in _SYSCTLS.items():
        value = _sysctl(name)
        if value is not None and value != wanted and not _bwrap_may(settings):
            setting = name.replace("/", ".")
            remedy = f"As root: sysctl -w {setting}={wanted} (to keep it: a file in /etc/sysctl.d)."
            return [Check("user namespaces", False, f"{setting} is {value}", remedy)]
    most = _sysctl("user/max_user_namespaces")
    if most == "0":
        return [
            Check("user namespaces", False, "user.max_user_namespaces is 0", "As root: sysctl -w user.max_user_namespaces=15000.")
        ]
    checks = [Check("user namespaces", True, f"max {most}")]
    if _kernel_version() < (5, 14):
        detail = f"Linux {platform.release()} counts a user's processes over all EEs together"
        checks.append(Check("process limit", False, detail, "Use Linux 5.14 or later, or start the house as root."))
    return checks


def _bwrap_may(settings: SandboxSettings) -> bool:
    """An AppArmor profile may grant to bwrap what the sysctl takes from all others."""
    return _succeeds([str(settings.find_bwrap()), "--unshare-user", "--ro-bind", "/", "/", "true"])


def _check_by_starting_one(settings: SandboxSettings) -> list[Check]:
    probe = dataclasses.replace(
        settings,
        runtime_dir=Path(__file__).with_name("probe_runtime"),
        process_limit=_PROBE_PROCESSES,
        read_only_binds=(),
        package_sets=None,
    )
    outcome: list[tuple[Report, str, float] | SandboxUnavailable] = []
    # In a thread of its own: the caller may be inside an event loop.
    thread = threading.Thread(target=lambda: outcome.append(_try_one(probe)))
    thread.start()
    thread.join()
    result = outcome[0]
    if isinstance(result, SandboxUnavailable):
        return [Check("starting a sandbox", False, result.cause, result.remedy)]
    report, accounting, took_s = result
    return [
        Check("starting a sandbox", True, f"{took_s * 1000:.0f} ms"),
        *_judge(report, settings),
        Check("memory accounting", *_accounting(accounting)),
    ]


def _try_one(settings: SandboxSettings) -> tuple[Report, str, float] | SandboxUnavailable:
    try:
        return asyncio.run(_start_and_read(settings))
    except SandboxUnavailable as error:
        return error


async def _start_and_read(settings: SandboxSettings) -> tuple[Report, str, float]:
    sandbox = Sandbox(settings)
    begun = time.monotonic()
    try:
        process = await sandbox.spawn()
        took_s = time.monotonic() - begun
        usage = process.usage()
        os.write(process.control_writer, b"\0")
        info = await asyncio.wait_for(process.wait(), _READ_TIMEOUT_S)
        text, errors = (_read_all(descriptor) for descriptor in (process.stdout, process.stderr))
        process.close_fds()
        if info.exit_code != 0:
            raise SandboxUnavailable(f"The probe in the sandbox {info.message}: {errors.strip()[-500:]}")
        return json.loads(text), "smaps_rollup" if usage.memory_bytes > MIB else "", took_s
    finally:
        await sandbox.close()


def _judge(report: Report, settings: SandboxSettings) -> list[Check]:
    privileges = [value for value in report["capabilities"] if int(value, 16)]
    tmp_ok = report["tmp_bytes"] <= settings.tmp_bytes and report["tmp_inodes"] <= settings.tmp_inodes
    return [
        Check("unprivileged uid", report["uid"] != 0, f"uid {report['uid']} inside"),
        Check("no capabilities", not privileges, "none" if not privileges else " ".join(privileges)),
        Check("no_new_privs", report["no_new_privs"], "set" if report["no_new_privs"] else "not set"),
        Check("seccomp filter", report["filter"] and report["memfd_refused"], "in force" if report["filter"] else "not in force"),
        Check("own processes only", report["pids"] <= _PROBE_PROCESSES, f"{report['pids']} visible"),
        Check("/proc/sys read-only", not report["proc_sys_writable"], "writable" if report["proc_sys_writable"] else "refused"),
        Check("/tmp bounded", tmp_ok, f"{report['tmp_bytes'] // MIB} MiB, {report['tmp_inodes']} inodes"),
        Check(
            "process limit holds", report["forks"] < _PROBE_PROCESSES, f"refused after {report['forks']} of {_PROBE_PROCESSES}"
        ),
    ]


def _accounting(source: str) -> tuple[bool, str, str]:
    remedy = (
        ""
        if source
        else "The worker must be allowed to read its EEs' /proc: run it as root with CAP_SYS_PTRACE or as an ordinary user."
    )
    return bool(source), source or "the EE's /proc could not be read", remedy


def _read_all(descriptor: int) -> str:
    chunks = []
    try:
        while chunk := os.read(descriptor, 65536):
            chunks.append(chunk)
    except BlockingIOError:
        pass
    return b"".join(chunks).decode(errors="replace")


def _sysctl(name: str) -> str | None:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return None


def _kernel_version() -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
