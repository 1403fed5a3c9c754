"""What a run has in /tmp moves with it, whatever user code has put there."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.generated import step_pb2 as step_pb
from scripted_runner import ScriptedRunner, run

RUNTIME = Path(__file__).parents[1] / "millrace_worker" / "runtime"
sys.path.insert(0, str(RUNTIME))
from millrace_runtime.tmp_files import TmpFiles, coarse_now, missing_in  # noqa: E402

MIB = 1 << 20
DONE = pb.DoneStep(path="steps/0", name="one")
LIST = """
import os
def handler(pd):
    found = {}
    for folder, folders, files in os.walk("/tmp"):
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            found[path] = os.readlink(path) if os.path.islink(path) else os.path.isdir(path) or open(path, "rb").read().hex()
    return found
"""


def snapshot(runner: ScriptedRunner, source: str) -> step_pb.TmpSnapshot | None:
    """What the first of two steps leaves."""
    outcome = run(runner, source, "pass")
    first = outcome.results[0]
    assert not first.HasField("failure"), "\n".join([str(first.failure), *outcome.text()])
    return first.tmp if first.HasField("tmp") else None


def files(tmp_path: Path, bytes_max: int = 16 * MIB) -> TmpFiles:
    return TmpFiles(str(tmp_path), bytes_max, 0)


def later_tick() -> None:
    """Until the clock of files has gone on."""
    tick = coarse_now()
    while coarse_now() == tick:
        time.sleep(0.001)


def test_files_folders_and_links_come_back_elsewhere(runner: ScriptedRunner) -> None:
    saved = snapshot(
        runner,
        """
        import os
        def handler(pd):
            os.makedirs("/tmp/a/b")
            open("/tmp/a/b/c.bin", "wb").write(bytes(range(256)))
            open("/tmp/empty", "w")
            os.symlink("/etc/passwd", "/tmp/a/link")
            os.symlink("nowhere", "/tmp/dangling")
            open("/tmp/run.sh", "w").write("x")
            os.chmod("/tmp/run.sh", 0o750)
        """,
    )
    assert saved and saved.content and not saved.unsaved
    outcome = run(
        runner,
        "raise AssertionError('runs again')",
        LIST.replace("return found", 'return [found, oct(os.stat("/tmp/run.sh").st_mode), open("/tmp/a/link").read(4)]'),
        done_steps=[DONE],
        resumed=True,
        tmp=saved,
    )
    found, mode, linked = outcome.value
    assert found == {
        "/tmp/a": True,
        "/tmp/a/b": True,
        "/tmp/a/b/c.bin": bytes(range(256)).hex(),
        "/tmp/a/link": "/etc/passwd",
        "/tmp/dangling": "nowhere",
        "/tmp/empty": "",
        "/tmp/run.sh": b"x".hex(),
    }
    assert (mode, linked) == ("0o100750", "mill")


def test_a_run_that_leaves_tmp_alone_says_nothing_of_it(runner: ScriptedRunner) -> None:
    assert snapshot(runner, "def handler(pd):\n    return 1") is None


def test_what_an_earlier_run_left_is_not_this_runs(runner: ScriptedRunner) -> None:
    version = runner.load("import os\nif not os.path.exists('/tmp/x'): open('/tmp/x', 'w')", "pass")
    runner._step_counts[version] = 2
    first, second = runner.finish(version), runner.finish(version)
    assert first.results[0].HasField("tmp") and second.started[0].warm
    assert not second.results[0].HasField("tmp")


def test_each_step_saves_what_it_changed_and_the_last_one_nothing(runner: ScriptedRunner) -> None:
    outcome = run(
        runner,
        "open('/tmp/x', 'w').write('one')",
        "assert open('/tmp/x').read() == 'one'",
        "import os\nos.unlink('/tmp/x')",
        "open('/tmp/y', 'w')",
    )
    saved = [(result.HasField("tmp"), len(result.tmp.content) > 0) for result in outcome.results]
    assert saved == [(True, True), (False, False), (True, False), (False, False)]


def test_what_is_too_much_is_not_saved_and_says_why_where_it_is_missed(runner: ScriptedRunner) -> None:
    saved = snapshot(runner, "open('/tmp/large', 'wb').write(bytes(17 << 20))")
    assert saved is not None and not saved.content
    assert saved.unsaved == "its files have 17.0 MiB; up to 16 MiB are saved"
    outcome = run(runner, "pass", "open('/tmp/large')", done_steps=[DONE], resumed=True, tmp=saved)
    assert outcome.failure.type == "FileNotFoundError"
    assert "/tmp/large is missing: the run went on in another environment" in outcome.failure.message
    assert "its files have 17.0 MiB; up to 16 MiB are saved" in outcome.failure.message
    assert "up to 16 MiB" in outcome.failure.traceback
    elsewhere = run(runner, "pass", "open('/nowhere')", done_steps=[DONE], resumed=True, tmp=saved)
    assert "another environment" not in elsewhere.failure.message
    fresh = run(runner, "open('/tmp/large')")
    assert "another environment" not in fresh.failure.message


def test_hostile_content_is_bounded_and_hurts_nobody(runner: ScriptedRunner) -> None:
    saved = snapshot(
        runner,
        """
        import os, socket
        def handler(pd):
            os.mkfifo("/tmp/fifo")
            server = socket.socket(socket.AF_UNIX)
            server.bind("/tmp/socket")
            os.symlink("/proc/self/environ", "/tmp/environ")
            os.symlink("/", "/tmp/root")
            os.symlink("loop", "/tmp/loop")
            with open("/tmp/sparse", "wb") as file:
                file.truncate(1 << 40)
                file.seek(1 << 39)
                file.write(b"here")
            open(b"/tmp/\\xff\\n$(x)", "w").write("odd")
            os.mkdir("/tmp/closed", 0o700)
            open("/tmp/closed/in", "w").write("in")
            os.chmod("/tmp/closed", 0o500)
        """,
    )
    assert saved and len(saved.content) < 1 * MIB
    outcome = run(
        runner,
        "pass",
        """
        import os
        def handler(pd):
            with open("/tmp/sparse", "rb") as file:
                file.seek(1 << 39)
                here = file.read(4).decode()
            used = os.stat("/tmp/sparse").st_blocks * 512
            names = sorted(os.listdir(b"/tmp"))
            odd = open(b"/tmp/\\xff\\n$(x)").read()
            return [[name.hex() for name in names], here, os.stat("/tmp/sparse").st_size, used < 1 << 20, odd, oct(os.stat("/tmp/closed").st_mode), open("/tmp/closed/in").read()]
        """,
        done_steps=[DONE],
        resumed=True,
        tmp=saved,
    )
    names, here, size, small, odd, mode, inside = outcome.value
    wanted = [b"closed", b"environ", b"loop", b"root", b"sparse", b"\xff\n$(x)"]
    assert [bytes.fromhex(name) for name in names] == wanted
    assert (here, size, small, odd, mode, inside) == ("here", 1 << 40, True, "odd", "0o40500", "in")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os\nfor n in range(10_001): open(f'/tmp/{n}', 'w')", "it holds more than 10,000 files"),
        ("import os\nos.mkdir('/tmp/shut', 0)", "/tmp/shut/ cannot be read: Permission denied"),
    ],
)
def test_what_cannot_be_saved_says_so(runner: ScriptedRunner, source: str, reason: str) -> None:
    saved = snapshot(runner, source)
    assert saved is not None and (saved.content, saved.unsaved) == (b"", reason)


HUGE = b'MRT1\x25\0\0\0[["x","f",420,1e400,99999999999999999,[]]]'


@pytest.mark.parametrize(
    "content", [b"MRT1", b"MRT1\xff\xff\xff\xff", b"nonsense", b"MRT1\x02\0\0\0[1", b"MRT1\x03\0\0\0[1]", HUGE]
)
def test_a_snapshot_that_is_none_does_not_stop_the_run(runner: ScriptedRunner, content: bytes) -> None:
    tmp = step_pb.TmpSnapshot(content=content)
    outcome = run(runner, "pass", "open('/tmp/x')", done_steps=[DONE], resumed=True, tmp=tmp)
    assert "it could not be put back" in outcome.failure.message


@pytest.mark.parametrize("segments", ["b'', b'1', b'', bytes(17 << 20)", "b'', b'\"' + b'x' * (2 << 20) + b'\"', b'', b''"])
def test_a_forged_frame_has_the_same_bounds(runner: ScriptedRunner, segments: str) -> None:
    forged = f"""
        import os
        from millrace_runtime import frames
        view = memoryview(frames.encode(frames.FINISHED, {{"returned": True, "tmp": ""}}, [{segments}]))
        while view:
            view = view[os.write(frames.CONTROL_OUT, view) :]
        """
    outcome = run(runner, forged, "pass")
    assert outcome.failure.type == "ProcessKilled"
    assert "something impossible (more o" in outcome.failure.message


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "a//b", "."])
def test_a_snapshot_puts_nothing_elsewhere(tmp_path: Path, path: str) -> None:
    import json
    import struct

    head = json.dumps([[path, "f", 0o644, 0, 1, [[0, 1]]]]).encode()
    folder = tmp_path / "tmp"
    folder.mkdir()
    with pytest.raises(ValueError, match="no path in it"):
        files(folder).restore(b"MRT1" + struct.pack("<I", len(head)) + head + b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["tmp"] and not list(folder.iterdir())


def test_an_unchanged_folder_is_not_saved_again_and_a_racy_change_is_noticed(tmp_path: Path) -> None:
    saver = files(tmp_path)
    assert saver.changed() is None
    target = tmp_path / "x"
    target.write_text("one")
    first = saver.changed()
    assert first and first[0].endswith(b"one")
    target.write_text("two")  # In the same tick, most likely; the same size in any case.
    second = saver.changed()
    assert second and second[0].endswith(b"two")
    later_tick()
    assert saver.changed() is None
    assert saver.changed() is None
    os.utime(target, ns=(1, 1))
    assert saver.changed() is not None
    target.unlink()
    assert saver.changed() == (b"", "")
    assert saver.changed() is None


def test_a_restored_folder_counts_as_saved(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "x").write_bytes(os.urandom(1000))
    saved = files(tmp_path / "one").changed()
    assert saved
    later_tick()
    saver = TmpFiles(str(tmp_path / "two"), 16 * MIB, coarse_now())
    saver.restore(saved[0])
    later_tick()
    assert saver.changed() is None
    assert (tmp_path / "two" / "x").read_bytes() == (tmp_path / "one" / "x").read_bytes()
    assert (tmp_path / "two" / "x").stat().st_mtime_ns == (tmp_path / "one" / "x").stat().st_mtime_ns


def test_a_limit_of_nothing_saves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    saved = files(tmp_path, 0).changed()
    assert saved and saved[0] == b"" and "MILLRACE_TMP_SAVED_BYTES_MAX is 0" in saved[1]
    assert files(tmp_path, 0).changed() == saved


def test_the_missing_path_is_found_behind_other_errors() -> None:
    missing = FileNotFoundError(2, "No such file or directory", "/tmp/a/b")
    outer = RuntimeError("wrapped")
    outer.__cause__ = missing
    assert missing_in("/tmp", missing) == missing_in("/tmp", outer) == "/tmp/a/b"
    assert missing_in("/tmp", FileNotFoundError(2, "no", "/tmp/../etc/x")) is None
    assert missing_in("/tmp", PermissionError(13, "no", "/tmp/x")) is None
