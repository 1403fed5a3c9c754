"""Builds of package sets: bounded, in a sandbox, and adopted only when nothing in them leads out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.server
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace_worker.packages.__main__ import BuildFailed, Conversation, adopt, size_of, without_users
from millrace_worker.packages.settings import build_environment, pip_index

WORKER = Path(__file__).parents[1]


def archive(name: str, backend: str) -> bytes:
    """A source archive whose build runs `backend`."""
    project = (
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = []\n'
    )
    files = {"PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "pyproject.toml": project, "backend.py": backend}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(f"{name}-1.0/{path}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


@contextlib.contextmanager
def index_with(data: bytes) -> Iterator[str]:
    """An index whose only package is `thing`."""
    digest = hashlib.sha256(data).hexdigest()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_list = self.path.startswith("/simple/thing")
            found = is_list or self.path.endswith(".tar.gz")
            body = f'<a href="/thing-1.0.tar.gz#sha256={digest}">thing-1.0.tar.gz</a>'.encode() if is_list else data
            self.send_response(200 if found else 404)
            self.send_header("content-type", "text/html" if is_list else "application/gzip")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def install(folder: Path, backend: str, **bounds: Any) -> dict[str, Any]:
    """Builds `thing` and returns the last word."""
    data = archive("thing", backend)
    lock = f"thing==1.0 \\\n    --hash=sha256:{hashlib.sha256(data).hexdigest()}\n"
    with index_with(data) as url:
        job = {
            "folder": str(folder),
            "index_url": url,
            "network": "open",
            "network_allow": [],
            "network_deny": [],
            "sdists": True,
            "memory_bytes": 512 << 20,
            "bytes_max": 1 << 30,
            "seconds_max": 60,
            **bounds,
        }
        done = subprocess.run(
            [sys.executable, "-m", "millrace_worker.packages"],
            input=json.dumps(job) + "\n" + json.dumps({"do": "install", "lock": lock}) + "\n",
            env={**os.environ, "PYTHONPATH": str(WORKER)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return json.loads(lines[-1])


MAKE_WHEEL = """
import os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    before()
    files = {"thing.py": "X = 1", "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: thing\\nVersion: 1.0\\n",
             "thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}
    files["thing-1.0.dist-info/RECORD"] = "".join(f"{path},,\\n" for path in files)
    with zipfile.ZipFile(os.path.join(folder, "thing-1.0-py3-none-any.whl"), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return "thing-1.0-py3-none-any.whl"
"""


def test_builds_what_comes_as_source(tmp_path: Path) -> None:
    assert install(tmp_path, MAKE_WHEEL + "def before():\n    pass\n") == {"result": {}}
    module = tmp_path / "set" / "thing.py"
    assert module.read_text() == "X = 1"
    assert module.stat().st_uid == os.geteuid()
    assert stat.S_IMODE(module.stat().st_mode) == 0o644
    assert list((tmp_path / "set" / "__pycache__").glob("thing.*.pyc"))


def test_says_what_a_build_script_said(tmp_path: Path) -> None:
    last = install(tmp_path, MAKE_WHEEL + "def before():\n    raise RuntimeError('no compiler here')\n")
    assert last["error"]["reason"] == "PACKAGES_BUILD_FAILED"
    assert "no compiler here" in last["error"]["message"]
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("name", "code", "bounds", "said"),
    [
        ("time", "while True: pass", {"seconds_max": 3}, "took longer than 3 s"),
        ("memory", "held = bytearray(1 << 30)", {}, "out of memory"),
        (
            "disk",
            "with open('/millrace/work/large', 'wb') as file:\n        while True: file.write(bytes(1 << 20))",
            {"bytes_max": 64 << 20},
            "wrote more than 64 MiB",
        ),
        ("pid 1", "with open('/proc/1/fd/1', 'w'): pass", {}, "PermissionError"),
    ],
)
def test_a_build_is_bounded(tmp_path: Path, name: str, code: str, bounds: dict[str, Any], said: str) -> None:
    last = install(tmp_path, MAKE_WHEEL + f"def before():\n    {code}\n", **bounds)
    assert said in last["error"]["message"], name
    assert not (tmp_path / "set").exists()


def test_an_index_keeps_its_password() -> None:
    said = "error sending request for url (https://house:pass-word@index.example/simple/thing/), a@b"
    assert without_users(said) == "error sending request for url (https://index.example/simple/thing/), a@b"


def test_a_build_that_says_too_much_is_ended() -> None:
    """Nobody looks at its lines between two commands; until then they may take some megabytes, and no more."""

    class Process:
        killed = ""

        def __init__(self) -> None:
            self.control_reader, self.writer = os.pipe()

        async def wait(self) -> None:
            await asyncio.Event().wait()

        def kill(self, cause: str) -> None:
            self.killed = cause

    async def flood() -> int:
        process = Process()
        conversation = Conversation(process, {})  # type: ignore[arg-type]
        lines = 0
        while not process.killed and lines < 4096:
            os.write(process.writer, b"x" * 49_151 + b"\n")
            conversation._read()
            lines += 1
        os.close(process.control_reader)
        os.close(process.writer)
        return lines

    assert asyncio.run(flood()) < 1024


def test_what_leads_out_of_a_set_is_not_adopted(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("not yours")
    outside.chmod(0o600)
    built = tmp_path / "built"
    (built / "package").mkdir(parents=True)
    (built / "package" / "module.py").write_text("x = 1")
    (built / "package" / "module.py").chmod(0o4777)
    (built / "inside").symlink_to("package/module.py")
    (built / "absolute").symlink_to(outside)
    (built / "upwards").symlink_to("../outside")
    (built / "folder").symlink_to(tmp_path)
    os.mkfifo(built / "pipe")
    adopt(built, tmp_path / "set")
    left = sorted(path.name for path in (tmp_path / "set").iterdir())
    assert left == ["inside", "package"]
    assert stat.S_IMODE((tmp_path / "set" / "package" / "module.py").stat().st_mode) == 0o755
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["link", "file", "nothing"])
def test_a_set_is_a_folder(tmp_path: Path, kind: str) -> None:
    built, elsewhere = tmp_path / "built", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if kind == "link":
        built.symlink_to(elsewhere)
    elif kind == "file":
        built.write_text("")
    with pytest.raises(BuildFailed):
        adopt(built, tmp_path / "set")
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700


def test_what_has_several_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(1 << 20))
    os.link(tmp_path / "one", tmp_path / "two")
    assert size_of(tmp_path) == 1 << 20


def test_what_is_empty_takes_room_too(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"folder {number}").mkdir()
        (tmp_path / f"folder {number}" / "file").touch()
    assert size_of(tmp_path) >= 20 * 4096


def test_the_index_is_the_houses_then_uvs_then_pips(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = http://from-file/simple\n")
    host = {"PIP_CONFIG_FILE": str(config), "HTTPS_PROXY": "http://proxy", "MILLRACE_SECRET": "s"}
    assert pip_index(host) == "http://from-file/simple"
    assert build_environment(host, "")["UV_DEFAULT_INDEX"] == "http://from-file/simple"
    assert build_environment({**host, "PIP_INDEX_URL": "http://pip"}, "")["UV_DEFAULT_INDEX"] == "http://pip"
    chosen = build_environment({**host, "UV_INDEX_URL": "http://uv"}, "http://house")
    assert chosen == {"HTTPS_PROXY": "http://proxy", "UV_DEFAULT_INDEX": "http://house"}
