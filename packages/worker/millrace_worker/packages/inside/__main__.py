"""Runs uv inside a build's sandbox. Standard library only; one JSON object a line each way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONTROL_IN, _CONTROL_OUT = 1000, 1001
_LOOK_SECONDS = 0.2
_ERROR_CHARACTERS_MAX = 6000


class Failed(Exception):
    """uv could not do it; what it said."""

    @property
    def unreachable(self) -> bool:
        """Whether it did not even get an answer."""
        return "Failed to fetch" in str(self) or "error sending request" in str(self)


class Build:
    """One resolution and, perhaps, one installation."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._work: str = job["work"]
        self._uv: str = job["uv"]
        self._sdists: bool = job["sdists"]
        self._environment = {
            **os.environ,
            **job["environment"],
            "UV_CACHE_DIR": f"{self._work}/cache",
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_SYSTEM_CERTS": "1",
            "UV_NO_PROGRESS": "1",
            "UV_COLOR": "never",
            # Builds write here: the real /tmp is memory.
            "TMPDIR": f"{self._work}/tmp",
        }
        os.makedirs(f"{self._work}/tmp", exist_ok=True)

    def resolve(self, job: dict[str, Any]) -> dict[str, Any]:
        """Turns requirements into a lock."""
        say(stage="RESOLVING")
        wanted, dropped = self._without_provided(job["requirements"])
        while True:
            try:
                return {"lock": self._compile(wanted, job["preferred_lock"]) if wanted else "", "dropped": dropped}
            except Failed as error:
                blamed = [] if error.unreachable else blame(wanted, str(error))
                if not blamed:
                    raise
                dropped += [{"requirement": one["requirement"], "message": "cannot be had"} for one in blamed]
                wanted = [one for one in wanted if one not in blamed]

    def install(self, job: dict[str, Any]) -> dict[str, Any]:
        """Installs a lock into `set`."""
        lock: str = job["lock"]
        total = len(re.findall(r"^[A-Za-z0-9]", lock, re.MULTILINE))
        self._write("lock.txt", lock)
        stop = threading.Event()
        watching = threading.Thread(target=self._watch, args=(stop, total))
        watching.start()
        try:
            self._run(
                "pip", "install", "--no-deps", "--require-hashes", "--compile-bytecode", "--link-mode", "hardlink",
                "--target", f"{self._work}/set", "-r", f"{self._work}/lock.txt",
            )  # fmt: skip
        finally:
            stop.set()
            watching.join()
        return {}

    def _without_provided(self, wanted: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """Takes out guesses for imports that a package which was asked for provides; the package itself says which."""
        unknown = [one["requirement"] for one in wanted if one["examine"]]
        if not unknown or not any(one["import_name"] for one in wanted):
            return wanted, []
        self._write("examine.in", "\n".join(unknown) + "\n")
        folder = f"{self._work}/examined"
        self._run("pip", "install", "--no-deps", "--target", folder, "-r", f"{self._work}/examine.in")
        provided = [one for one in wanted if one["import_name"] and provides(folder, one["import_name"])]
        dropped = [{"requirement": one["requirement"], "message": "another package provides it"} for one in provided]
        return [one for one in wanted if one not in provided], dropped

    def _compile(self, wanted: list[dict[str, Any]], preferred: str) -> str:
        self._write("requirements.in", "".join(f"{one['requirement']}\n" for one in wanted))
        # Versions in a file that is there already stay while they fit.
        self._write("resolved.txt", preferred)
        self._run(
            "pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url",
            "-o", f"{self._work}/resolved.txt", f"{self._work}/requirements.in",
        )  # fmt: skip
        with open(f"{self._work}/resolved.txt", encoding="utf-8") as file:
            return file.read()

    def _write(self, name: str, text: str) -> None:
        with open(f"{self._work}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def _run(self, *arguments: str) -> None:
        command = [self._uv, "--quiet", *arguments, "--python", sys.executable]
        if not self._sdists:
            command += ["--only-binary", ":all:"]
        done = subprocess.run(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=f"{self._work}/tmp",
            check=False,
        )
        if done.returncode != 0:
            text = done.stderr.decode("utf-8", "replace").replace(self._work, "")
            raise Failed(text.strip()[-_ERROR_CHARACTERS_MAX:] or f"uv ended with code {done.returncode}")

    def _watch(self, stop: threading.Event, total: int) -> None:
        """Each artefact that has come, is checked and unpacked is one more folder in uv's cache."""
        before = -1
        while True:
            over = stop.wait(_LOOK_SECONDS)
            try:
                done = min(len(os.listdir(f"{self._work}/cache/archive-v0")), total)
            except OSError:
                done = 0
            if done == total and os.path.isdir(f"{self._work}/set"):
                say(stage="INSTALLING", done=done, total=total)
                return
            if done != before:
                say(stage="DOWNLOADING", done=done, total=total)
                before = done
            if over:
                return


def blame(wanted: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """What can be left out since the failure names it; all that the code can do without when it names none of that."""
    optional = [one for one in wanted if one["optional"]]
    said = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.sub(r"[-_.]+", "-", text.lower())))
    return [one for one in optional if package_name(one["requirement"]) in said] or optional


def package_name(requirement: str) -> str:
    """The normal name of a requirement's package."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower().rstrip("-") if match else ""


def provides(folder: str, import_name: str) -> bool:
    """Whether a module of that name was installed."""
    path = os.path.join(folder, *import_name.split("."))
    if os.path.isdir(path):
        return True
    parent, name = os.path.split(path)
    try:
        return any(entry == f"{name}.py" or re.match(rf"{re.escape(name)}\..*\.so$", entry) for entry in os.listdir(parent))
    except OSError:
        return False


def say(**fields: Any) -> None:
    """Tells the host something."""
    data = json.dumps(fields).encode() + b"\n"
    while data:
        data = data[os.write(_CONTROL_OUT, data) :]


def main() -> None:
    """Does what the host says until it has nothing more to say."""
    build: Build | None = None
    with open(_CONTROL_IN, encoding="utf-8", closefd=False) as commands:
        for line in commands:
            job = json.loads(line)
            started = time.monotonic()
            try:
                build = build or Build(job)
                result = build.install(job) if job["do"] == "install" else build.resolve(job)
                say(result=result, seconds=round(time.monotonic() - started, 2))
            except Failed as error:
                say(error=str(error), unreachable=error.unreachable)
            except OSError as error:
                say(error=f"{type(error).__name__}: {error}", ours=True)


main()
