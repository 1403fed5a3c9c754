"""The same attacks on a house that an ordinary user started, when these tests run as root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ORDINARY_UID = 54321
"""Nobody's: an ordinary user needs no entry in /etc/passwd and no home."""
_HERE = Path(__file__).parent


def _python_for_others() -> str | None:
    """An interpreter of this minor that other users can reach; root's own often lies below /root."""
    name = f"python3.{sys.version_info.minor}"
    for candidate in (getattr(sys, "_base_executable", sys.executable), shutil.which(name, path="/usr/bin:/usr/local/bin")):
        with contextlib.suppress(PermissionError):
            if candidate and _as_ordinary_user([candidate, "-c", "pass"], Path("/")).returncode == 0:
                return candidate
    return None


def _as_ordinary_user(command: list[str], home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Not by setpriv: it keeps its capabilities until the exec, which then finds programs below /root."""
    return subprocess.run(
        command,
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **env},
        user=_ORDINARY_UID,
        group=_ORDINARY_UID,
        extra_groups=[],
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="these tests run as an ordinary user already")
def test_everything_holds_for_an_ordinary_user() -> None:
    python = _python_for_others()
    if python is None:
        pytest.skip("no Python of this version that another user could run")
    home = Path(f"/tmp/millrace-ordinary-{os.getpid()}")
    shutil.copytree(_HERE.parents[1] / "millrace_worker", home / "worker" / "millrace_worker")
    shutil.copytree(_HERE, home / "worker" / "tests" / "hostile")
    shutil.copy(_HERE.parent / "test_sandbox.py", home / "worker" / "tests")
    libraries = home / "libraries"
    # Only pytest and what it needs: the interpreter may be another than the one that runs this.
    libraries.mkdir()
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        with contextlib.suppress(FileNotFoundError):
            shutil.copytree(Path(pytest.__file__).parents[1] / name, libraries / name)
    shutil.copy(Path(pytest.__file__).parents[1] / "py.py", libraries)
    try:
        subprocess.run(["chown", "-R", f"{_ORDINARY_UID}:{_ORDINARY_UID}", str(home)], check=True)
        command = [python, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={home}/tmp"]
        command += ["worker/tests/hostile", "worker/tests/test_sandbox.py"]
        result = _as_ordinary_user(command, home, PYTHONPATH=f"{libraries}:{home}/worker")
        print(result.stdout[-3000:])
        assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    finally:
        shutil.rmtree(home)
