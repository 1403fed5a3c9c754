"""Each of these tests starts a house of its own, which takes a minute for all. `pytest tests/hostile` runs them all, and as root
all of them once more as an ordinary user; a run over everything takes a sample of each kind and says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

_SAMPLE = {
    "test_exit_is_told_with_its_code",
    "test_closing_descriptors_0_to_20_leaves_the_control_channel",
    "test_killing_every_pid_it_sees",
    "test_what_a_run_leaves_behind_is_found_and_ended",
    "test_files_of_the_host_do_not_exist",
    "test_nothing_below_proc_sys_can_be_written",
    "test_it_is_nobody",
    "test_ordinary_things_work",
    "test_memory_without_end_ends_the_ee_with_the_figures",
    "test_tmp_is_bounded",
    "test_a_fork_loop_is_refused_and_nothing_of_it_is_left",
    "test_tmp_has_its_own_size",
    "test_processors_are_shared_out",
    "test_groups_that_a_killed_worker_left_are_swept",
    "test_version_2_is_written_as_it_wants_it",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if any("hostile" in argument for argument in config.args):
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and item.name.partition("[")[0] not in _SAMPLE:
            item.add_marker(pytest.mark.skip(reason="only in the full hostile corpus: pytest tests/hostile"))
