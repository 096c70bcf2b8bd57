"""What a server does to the machine that it runs on: memory, priorities, cores."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path

import psutil
import pytest
import torch

from masklet.cli.server_parts import ModelChoice, sessions_of
from masklet.cli.threads import share_cores
from masklet.server import studio
from masklet.server.gently import gently
from masklet.server.heap import give_back
from masklet.server.settings import Limits
from masklet.session.cores import on_one_core

needs_glibc = pytest.mark.skipif(not Path("/lib64/ld-linux-x86-64.so.2").exists(), reason="glibc on Linux")


@needs_glibc
def test_memory_that_is_free_goes_back_to_the_system() -> None:
    process = psutil.Process()
    # Small enough for the heap; every hundredth stays, so that the rest is free between what is not.
    blocks = [bytearray(50_000) for _ in range(4000)]
    full = process.memory_info().rss
    kept = blocks[::100]
    del blocks
    give_back()
    assert process.memory_info().rss < full - 100e6
    assert len(kept) == 40


def test_what_a_server_begins_with_is_not_looked_through_for_garbage() -> None:
    _, load = sessions_of(ModelChoice(name="nano", device=None, dtype=None))
    gc.unfreeze()
    try:
        load()
        assert gc.get_freeze_count() > 10 * len(gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_media_that_expires_gives_its_memory_back(serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = threading.Event()
    monkeypatch.setattr(studio, "give_back", given.set)
    with serve(tmp_path, limits=Limits(idle_seconds=0.2)) as server:
        with server.page(server.media()) as page:
            page.do("object-add")
            assert not given.is_set()
        assert given.wait(60)


def test_gentle_work_comes_back_with_its_result_or_error() -> None:
    assert gently(lambda: 7) == 7
    with pytest.raises(KeyError, match="lost"):
        gently(lambda: {}["lost"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
def test_gentle_work_has_the_lowest_priority_and_nothing_else_has() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = priority()
    assert gently(priority) == 19
    assert priority() == before


@pytest.mark.parametrize(("threads", "inside"), [(1, 1), (2, 1), (3, 3)])
def test_two_cores_become_one_and_more_stay(threads: int, inside: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with on_one_core():
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("set_before", "expected"),
    [({}, "100000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_what_the_environment_says_of_threads_comes_first(
    set_before: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(set_before))
    share_cores()
    assert os.environ.get("GOMP_SPINCOUNT") == expected
