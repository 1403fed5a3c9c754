"""Settings of a worker, from the environment and flags; all problems are reported together."""

from __future__ import annotations

import argparse
import os
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is told at its start; everything else comes from its runner by `Configure`."""

    #: Absolute path of the runner's Unix socket (MILLRACE_RUNNER_SOCKET).
    runner_socket: str
    #: Secret that proves that the runner started this worker (MILLRACE_WORKER_TOKEN; removed from the environment).
    token: str
    #: Name of the worker (MILLRACE_WORKER_ID).
    worker_id: str
    #: Least important level that is logged (MILLRACE_LOG_LEVEL), default info.
    log_level: str
    #: Where spans go; empty: nowhere (OTEL_EXPORTER_OTLP_ENDPOINT or its variant for traces).
    otlp_endpoint: str


class SettingsError(Exception):
    """The settings are wrong; the message has a line for each problem."""


def load_settings(environment: MutableMapping[str, str], arguments: Sequence[str]) -> WorkerSettings:
    """Reads and checks the settings; takes the token out of `environment`, so that no child process inherits it."""
    parser = argparse.ArgumentParser(prog="python -m millrace_worker", description="Hosts the Python environments of one runner.")
    parser.add_argument("--runner-socket", default=environment.get("MILLRACE_RUNNER_SOCKET", ""), metavar="PATH")
    parser.add_argument("--worker-id", default=environment.get("MILLRACE_WORKER_ID", ""), metavar="NAME")
    parser.add_argument("--log-level", default=environment.get("MILLRACE_LOG_LEVEL") or "info")
    given = parser.parse_args(arguments)
    token = environment.pop("MILLRACE_WORKER_TOKEN", "")
    level = given.log_level.lower().replace("warn", "warning").replace("warninging", "warning")
    problems = []
    if not os.path.isabs(given.runner_socket):
        problems.append("MILLRACE_RUNNER_SOCKET (--runner-socket) must be the absolute path of the runner's socket")
    if not given.worker_id:
        problems.append("MILLRACE_WORKER_ID (--worker-id) must name the worker")
    if not token:
        problems.append("MILLRACE_WORKER_TOKEN must carry the token that the runner made")
    if level not in LOG_LEVELS:
        problems.append(f"MILLRACE_LOG_LEVEL (--log-level) must be one of {', '.join(LOG_LEVELS)}")
    if problems:
        raise SettingsError("\n".join(problems))
    endpoint = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or ""
    return WorkerSettings(given.runner_socket, token, given.worker_id, level, endpoint)
