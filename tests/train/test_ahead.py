"""Batches ahead of the optimiser: the same from a thread and from processes, in order, and errors arrive."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch

from masklet.model.configs import ModelConfig
from masklet.train.ahead import ahead
from masklet.train.batches import Sources, draw_batches
from masklet.train.config import Prompting, Recipe, Stage
from masklet.train.loop import train

STAGE = Stage(steps=9, size=64, clip_share=0.5, real_share=0.5, clips=2, length=3, stills=2, objects=2)


class UnpicklableError(Exception):
    """Its constructor takes two arguments, pickle gives it one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def failing(step: int, at: int, error: str, folder: Path | None = None) -> int:
    """Number the steps; fail at one of them."""
    if folder is not None:
        (folder / str(step)).touch()
    if step == at:
        if error == "os":
            raise OSError(28, "the disk is gone")
        if error == "odd":
            raise UnpicklableError("this", "that")
        os.kill(os.getpid(), signal.SIGKILL)
    return step


def nothing(_: object) -> None:
    """Keep the random weights."""


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_workers_make_what_a_thread_makes(sources: Sources) -> None:
    make = partial(draw_batches, sources, STAGE, 7)
    threaded = list(ahead(make, 2, 9))
    assert len(threaded) == 7
    for ours, theirs in zip(threaded, ahead(make, 2, 9, workers=3), strict=True):
        [a], [b] = ours, theirs
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.masks, b.masks)
        assert torch.equal(a.shares, b.shares)
        assert a.seats == b.seats
        assert b.images.is_contiguous(memory_format=torch.channels_last)
    assert not children()


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_are_raised_in_their_turn(workers: int) -> None:
    numbers = ahead(partial(failing, at=4, error="os"), 2, 8, workers=workers)
    assert [next(numbers), next(numbers)] == [2, 3]
    with pytest.raises(OSError, match="disk is gone") as caught:
        next(numbers)
    assert caught.value.errno == 28
    if workers:
        assert "in failing" in caught.value.__notes__[0]  # where it happened, over there
    assert not children()


def test_an_error_that_cannot_travel_is_told() -> None:
    with pytest.raises(RuntimeError, match="UnpicklableError: this and that"):
        next(ahead(partial(failing, at=0, error="odd"), 0, 3, workers=1))


def test_a_killed_worker_is_an_error_and_not_a_wait() -> None:
    numbers = ahead(partial(failing, at=1, error="kill"), 0, 4, workers=2)
    assert next(numbers) == 0
    with pytest.raises(RuntimeError, match=r"batches-1 .* died \(exit code -9\)"):
        next(numbers)
    assert not children()


@pytest.mark.parametrize("workers", [0, 2])
def test_it_runs_no_further_ahead_than_told_and_ends_when_closed(workers: int, tmp_path: Path) -> None:
    numbers = ahead(partial(failing, at=-1, error="", folder=tmp_path), 0, 1000, depth=2, workers=workers)
    assert [next(numbers) for _ in range(4)] == [0, 1, 2, 3]
    time.sleep(0.5)
    made = len(list(tmp_path.iterdir()))
    assert 4 <= made <= 4 + 2 + 2 * max(workers, 1)  # taken, waiting, and in the makers' hands
    assert len(children()) == workers
    numbers.close()
    assert not children()


def test_workers_leave_signals_to_the_training_process() -> None:
    numbers = ahead(partial(failing, at=-1, error=""), 0, 50, depth=2, workers=2)
    assert next(numbers) == 0
    for child in children():
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
    assert list(numbers) == list(range(1, 50))


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="0 or more workers"):
        ahead(partial(failing, at=-1, error=""), 0, 3, workers=-1)
    with pytest.raises(ValueError, match="depth of 1 or more"):
        ahead(partial(failing, at=-1, error=""), 0, 3, depth=0)


def test_training_does_not_depend_on_workers(tiny: ModelConfig, sources: Sources, tmp_path: Path) -> None:
    few = Prompting(first_frames=(1, 1), corrections=(0, 1), corrected_clicks=(1, 1))
    stage = Stage(
        steps=3, size=64, clip_share=0.5, real_share=0.5, clips=2, length=3, stills=2, objects=2, prompting=few
    )
    plan = Recipe(name="test", model=tiny, stages=(stage,))
    runs = [
        torch.load(train(plan, sources, tmp_path / str(n), prepare=nothing, workers=n), weights_only=True)
        for n in (0, 2)
    ]
    assert all(torch.equal(value, runs[1]["model"][name]) for name, value in runs[0]["model"].items())
