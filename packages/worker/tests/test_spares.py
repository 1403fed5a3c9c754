"""Environments that have imported what their version imports before a run of it asks for them."""

from __future__ import annotations

import contextlib
import socket
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from millrace_worker.generated import session_pb2 as pb
from millrace_worker.host.spares import Spares
from scripted_runner import Outcome, ScriptedRunner, duration

MIB = 1 << 20
#: Says where and with what it was imported, and brings enough modules to be worth a spare environment.
LIGHT = """
import os, time
SAID = os.environ.get("SAID", "nothing")
print("a package prints", flush=True)
with open("/tmp/of-the-import", "a") as file:
    file.write("x")
for number in range(30):
    __import__(f"heavy.part{number}")
"""
#: Takes long, too.
HEAVY = f"""{LIGHT}
began = time.process_time()
while time.process_time() - began < 0.25:
    pass
"""
#: Steps are modules, too: while none is there, no run is. The test sees this environment come and go by its connection.
TELLS = """
import os, socket, sys, time
SPARE = "millrace_steps.one" not in sys.modules
if SPARE:
    KEPT = socket.create_connection(("127.0.0.1", int(os.environ["PORT"])))
"""
STEP = """
import os, sys, time
early = "heavy" in sys.modules
import heavy
def handler(pd):
    event = pd.steps["trigger"]["event"]
    time.sleep(event.get("sleep", 0))
    return {"early": early, "pid": os.getpid(), "said": heavy.SAID, "tmp": sorted(os.listdir("/tmp")), "mine": MINE}
MINE = []
"""


def write_set(sets: Path, name: str, main: str) -> None:
    package = sets / name / "heavy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(main)
    for number in range(30):
        (package / f"part{number}.py").write_text("")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for above in (folder, folder.parent, folder.parent.parent):
        above.chmod(0o755)
    write_set(folder, "plain", HEAVY)
    write_set(
        folder, "threads", f"{LIGHT}import threading\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True).start()\n"
    )
    for name, does in {
        "dies": "os._exit(3)",
        "grows": "kept = [b'x' * (1 << 20) for _ in range(400)]",
        "closes": "os.close(1)",
        "hangs": "time.sleep(3600)",
        "lives": "pass",
    }.items():
        write_set(folder, name, f"{TELLS}if SPARE:\n    {does}\n{LIGHT}")
    return folder


@pytest.fixture(scope="module")
def shared(sets: Path) -> Iterator[ScriptedRunner]:
    made = ScriptedRunner(pb.Configure(tmp_bytes=64 * MIB), {"MILLRACE_SANDBOX_PACKAGE_SETS": str(sets)})
    yield made
    assert made.close() == 0


@pytest.fixture
def make(sets: Path) -> Iterator[Callable[..., ScriptedRunner]]:
    made: list[ScriptedRunner] = []

    def start(**configure: Any) -> ScriptedRunner:
        runner = ScriptedRunner(pb.Configure(tmp_bytes=64 * MIB, **configure), {"MILLRACE_SANDBOX_PACKAGE_SETS": str(sets)})
        made.append(runner)
        return runner

    yield start
    assert all(runner.close() == 0 for runner in made)


def load(
    runner: ScriptedRunner, packages: str = "plain", source: str = STEP, version_id: str = "v", step_seconds: float = 30
) -> str:
    version = pb.LoadVersion(
        version_id=version_id, memory_bytes=256 * MIB, packages=pb.PackageSet(hash=packages, folder=packages)
    )
    version.steps.add(path="steps/0", name="one", file_name="one.py", source=source)
    version.step_timeout.CopyFrom(duration(step_seconds))
    runner.say(load_version=version)
    return version_id


def warm(runner: ScriptedRunner, version: str, count: int) -> None:
    """Waits until the worker has told of so many environments that a run of the version finds ready."""

    def found(_frames: Any) -> bool:
        told = runner.all("inventory")
        return bool(told) and {one.version_id: one.idle for one in told[-1].warm_versions}.get(version, 0) == count

    runner.wait(found)


def beside_a_busy_one(runner: ScriptedRunner, version: str, **fields: Any) -> Outcome:
    """A run that starts while the only other environment is busy."""
    busy = runner.start(version, {"sleep": 1}, **fields)
    runner.wait_for("step_started", busy.run_id)
    outcome = runner.finish(version, {}, **fields)
    runner.wait_for("step_finished", busy.run_id)
    runner.say(end_run=pb.EndRun(assignment=busy))
    runner.wait_for("run_gone", busy.run_id)
    return outcome


def seconds_of(outcome: Outcome) -> float:
    result = outcome.last
    return (result.end_time.ToNanoseconds() - result.start_time.ToNanoseconds()) / 1e9


def test_the_second_environment_has_its_imports_already(shared: ScriptedRunner) -> None:
    version = load(shared, version_id="shared-0")
    first = shared.finish(version, {}, environment={"SAID": "something"}, environment_generation=1)
    assert first.value["early"] is False and "a package prints" in first.text()
    warm(shared, version, 2)
    second = beside_a_busy_one(shared, version, environment={"SAID": "something"}, environment_generation=1)
    assert second.value["early"] is True
    assert second.value["said"] == "something"
    # Its /tmp is its own: there is what its own import has written there, and nothing of the first one's run.
    assert second.value["tmp"] == ["of-the-import"]
    assert second.text() == []
    assert seconds_of(second) < seconds_of(first) / 2
    # It was used: another one is made in its place.
    warm(shared, version, 3)


def test_a_run_that_comes_while_one_is_made_takes_it(shared: ScriptedRunner) -> None:
    version = load(shared, version_id="shared-1")
    shared.finish(version, {})
    time.sleep(0.1)
    outcome = beside_a_busy_one(shared, version)
    assert outcome.value["tmp"] == ["of-the-import"]


def test_the_authors_own_code_waits_for_a_run(shared: ScriptedRunner) -> None:
    version = pb.LoadVersion(version_id="beside", packages=pb.PackageSet(hash="plain", folder="plain"))
    source = "import sys\nearly = 'helper' in sys.modules, 'heavy' in sys.modules\nimport helper, heavy\ndef handler(pd):\n"
    source += "    import time\n    time.sleep(pd.steps['trigger']['event'].get('sleep', 0))\n    return early"
    version.steps.add(path="steps/0", name="one", file_name="one.py", source=source)
    version.modules.add(path="helper.py", source="import heavy")
    shared.say(load_version=version)
    assert shared.finish("beside", {}).value == [False, False]
    warm(shared, "beside", 2)
    assert beside_a_busy_one(shared, "beside").value == [False, True]


def test_other_variables_and_other_versions_get_none_of_it(shared: ScriptedRunner) -> None:
    version = load(shared, version_id="shared-2")
    shared.finish(version, {}, environment={"SAID": "old"}, environment_generation=1)
    warm(shared, version, 2)
    changed = shared.finish(version, {}, environment={"SAID": "new"}, environment_generation=2)
    assert (changed.value["early"], changed.value["said"]) == (False, "new")
    other = load(shared, version_id="other")
    assert shared.finish(other, {}).value["early"] is False


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


@pytest.mark.parametrize("packages", ["dies", "grows", "closes"])
def test_imports_that_are_the_end_of_their_environment_are_left_to_runs(
    make: Callable[..., ScriptedRunner], door: socket.socket, packages: str
) -> None:
    runner = make()
    version = load(runner, packages)
    environment = {"PORT": str(door.getsockname()[1])}
    runner.finish(version, {}, environment=environment)
    connection, _ = door.accept()
    with connection:
        told = len(runner.all("inventory"))
        connection.settimeout(30)
        assert connection.recv(1) == b""
    # The warm one and two blank ones again.
    runner.wait(lambda _: [one for one in runner.all("inventory")[told:] if (one.environments, one.blank_environments) == (3, 2)])
    for _ in range(2):
        assert beside_a_busy_one(runner, version, environment=environment).value["early"] is False
    door.settimeout(0)
    with pytest.raises(BlockingIOError):
        door.accept()


def test_a_run_waits_for_imports_no_longer_than_its_own_time(make: Callable[..., ScriptedRunner], door: socket.socket) -> None:
    runner = make()
    environment = {"PORT": str(door.getsockname()[1])}
    version = load(runner, "hangs", step_seconds=4)
    runner.finish(version, {}, environment=environment)
    connection, _ = door.accept()
    # The second one takes what hangs, as it would if its own import did.
    with connection:
        failure = beside_a_busy_one(runner, version, environment=environment).failure
    assert "timed out after 4 s" in failure.message


def test_threads_of_imports_are_no_obstacle(shared: ScriptedRunner) -> None:
    """An environment with a thread of its own serves one run only: the next one would be cold each time."""
    version = load(shared, "threads", version_id="shared-3")
    shared.finish(version, {})
    warm(shared, version, 1)
    assert shared.finish(version, {}).value["early"] is True


@pytest.mark.parametrize(
    "bound", [{"spare_environments": 0}, {"spare_memory_bytes": MIB}, {"environments_max": 2, "blank_environments": 1}]
)
def test_none_is_made_beyond_the_bounds(make: Callable[..., ScriptedRunner], bound: dict[str, int]) -> None:
    runner = make(**bound)
    version = load(runner)
    runner.finish(version, {})
    warm(runner, version, 1)
    # Making one begins after 50 ms; the inventory is told 200 ms after a change.
    time.sleep(0.5)
    assert beside_a_busy_one(runner, version).value["early"] is False


def test_versions_do_not_take_places_from_each_other_for_ever(make: Callable[..., ScriptedRunner], door: socket.socket) -> None:
    runner = make()
    environment = {"PORT": str(door.getsockname()[1])}
    with contextlib.ExitStack() as open_ones:
        connections = []
        for number in range(3):
            runner.finish(load(runner, "lives", version_id=f"v{number}"), {}, environment=environment)
            connections.append(open_ones.enter_context(door.accept()[0]))
        # The third one has the place of the first.
        connections[0].settimeout(30)
        assert connections[0].recv(1) == b""
        warm(runner, "v2", 2)
        door.settimeout(1)
        with pytest.raises(TimeoutError):
            door.accept()
        # Who misses it gets it back.
        assert beside_a_busy_one(runner, "v0", environment=environment).value["early"] is False
        door.settimeout(30)
        open_ones.enter_context(door.accept()[0])


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([f"m{number}" for number in range(30)], True),
        (["m"] * 5, False),
        ("m" * 30, False),
        ({"m": 1}, False),
        ([1] * 30, False),
        (["m"] * 5_001, False),
        (["m" * 201] * 30, False),
        (["m" * 200] * 1_400, False),
        ([""] * 30, False),
    ],
)
def test_what_an_environment_says_of_its_imports_is_bounded(said: Any, kept: bool) -> None:
    """A process that runs user code has written it, and the worker keeps it."""
    version = types.SimpleNamespace(version_id="v", packages="set")
    environment = types.SimpleNamespace(version=version, variables=0, values={}, memory_bytes=0)
    spares = Spares()
    assert spares.learn(environment, said) is kept  # type: ignore[arg-type]
    assert (spares.next() is not None) is kept


def test_a_spare_one_makes_room_for_a_run(make: Callable[..., ScriptedRunner]) -> None:
    runner = make(environments_max=3, blank_environments=1)
    version = load(runner)
    runner.finish(version, {})
    warm(runner, version, 2)
    runs = [
        runner.start(load(runner, source=STEP.replace("MINE = []", f"MINE = {number}"), version_id=f"o{number}"), {"sleep": 1})
        for number in range(3)
    ]
    for run in runs:
        assert not runner.wait_for("step_finished", run.run_id).result.HasField("failure")
        runner.say(end_run=pb.EndRun(assignment=run))
