"""Workers of several runners share a machine's control groups."""

import os
from pathlib import Path

import pytest

from millrace_worker.sandbox import cgroups
from millrace_worker.sandbox.cgroups import Cgroups, Hierarchy


def test_a_worker_that_starts_leaves_the_groups_that_another_tries_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []
    really_access = os.access

    def access_while_another_starts(path: Path, mode: int) -> bool:
        Cgroups([Hierarchy(tmp_path, ("memory",), 1)])
        tried.append(path.parent)
        return really_access(path, mode)

    monkeypatch.setattr(os, "access", access_while_another_starts)
    cgroups._usable(tmp_path, 1, ["memory"])
    assert len(tried) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_starts_removes_the_groups_of_one_that_is_gone(tmp_path: Path) -> None:
    left = tmp_path / "millrace-1-0"
    (left / "ee-1").mkdir(parents=True)
    Cgroups([Hierarchy(tmp_path, ("memory",), 1)])
    assert not left.exists()
