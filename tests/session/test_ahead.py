"""Frames made ready in the background: the same results, and nothing left running."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from masklet.media import MediaError
from masklet.media.clip import ArrayClip
from masklet.model.sam2 import Sam2
from masklet.session import VideoSession
from masklet.session.prepare import frame_tensor, normalise

SQUARE: dict[str, Any] = {"points": [(12, 18)]}


class Watched(ArrayClip):
    """A clip that counts the frames that are read, and fails at one of them if asked to."""

    def __init__(self, frames: NDArray[np.uint8], broken: int | None = None) -> None:
        super().__init__(frames)
        self.broken = broken

    def _read(self, index: int) -> NDArray[np.uint8]:
        if index == self.broken:
            raise MediaError(f"frame {index} is damaged")
        return super()._read(index)


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The thread and the brightness of every frame that is made ready."""
    seen: list[tuple[str, int]] = []

    def watched(picture: NDArray[np.uint8], side: int, device: torch.device) -> torch.Tensor:
        seen.append((threading.current_thread().name, int(picture.sum())))
        return frame_tensor(picture, side, device)

    monkeypatch.setattr("masklet.session.tracker.frame_tensor", watched)
    return seen


def all_end(threads: set[threading.Thread]) -> bool:
    """Whether these threads, of which there have to be some, come to their end."""
    for thread in threads:
        thread.join(10)
    return bool(threads) and not any(thread.is_alive() for thread in threads)


def test_a_frame_is_normalised_as_before() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    expected = normalise(torch.tensor(picture).permute(2, 0, 1)[None].float() / 255)
    found = frame_tensor(picture, 64, torch.device("cpu"))
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("reverse", [False, True])
def test_results_are_those_of_frames_made_ready_one_by_one(
    model: Sam2, frames: np.ndarray, prepared: list[tuple[str, int]], reverse: bool
) -> None:
    session = VideoSession(model, frames)
    session.prompt(11, 1, **SQUARE)
    found = {result.frame: result.objects[1].low_res for result in session.propagate(reverse=reverse)}
    assert {name for name, _ in prepared[1:]} == {"masklet-lookahead"}
    alone = VideoSession(model, frames)
    alone.prompt(11, 1, **SQUARE)
    for frame in range(11, -1 if reverse else 24, -1 if reverse else 1):
        expected = alone._step(frame, None, reverse).objects[1].low_res
        assert torch.equal(found[frame], expected)


def test_a_frame_is_made_ready_once_and_no_further_than_two_ahead(
    model: Sam2, frames: np.ndarray, prepared: list[tuple[str, int]]
) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    for result in session.propagate():
        assert len(prepared) <= 1 + result.frame + 1 + 2  # of the prompt, all so far, one ready and one in the making
    assert [brightness for _, brightness in prepared[1:]] == [int(frame.sum()) for frame in frames]


def test_leaving_the_loop_ends_the_thread(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    before = set(threading.enumerate())
    results = session.propagate()
    next(results)
    started = set(threading.enumerate()) - before
    results.close()  # type: ignore[attr-defined]  # what leaving a for loop does
    assert all_end(started)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_error_while_tracking_ends_the_thread(
    model: Sam2, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    before = set(threading.enumerate())

    def stopped(*_: object, **__: object) -> None:
        raise error

    results = session.propagate()
    next(results)
    started = set(threading.enumerate()) - before
    monkeypatch.setattr(session._tracker, "step", stopped)
    with pytest.raises(error):
        next(results)
    assert all_end(started)
    monkeypatch.undo()
    assert [result.frame for result in session.propagate()] == list(range(24))


def test_a_damaged_frame_is_told_in_its_turn(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, Watched(frames, broken=5))
    session.prompt(0, 1, **SQUARE)
    results = session.propagate()
    assert [next(results).frame for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(MediaError, match="frame 5 is damaged"):
        next(results)
    assert session.result(4).objects[1].mask.shape == (48, 64)


def test_prompts_between_two_results_count_from_the_next_frame(model: Sam2, frames: np.ndarray) -> None:
    session, stopped = VideoSession(model, frames), VideoSession(model, frames)
    for one in (session, stopped):
        one.prompt(0, 1, **SQUARE)
    found = {}
    for result in session.propagate():
        found[result.frame] = result
        if result.frame == 4:
            session.prompt(4, 2, points=[(40, 30)])
    for _ in stopped.propagate(stop=5):
        pass
    stopped.prompt(4, 2, points=[(40, 30)])
    for result in stopped.propagate(start=5):
        for number in (1, 2):
            assert torch.equal(found[result.frame].objects[number].low_res, result.objects[number].low_res)


def test_closing_the_session_ends_the_loop(model: Sam2, frames: np.ndarray) -> None:
    before = set(threading.enumerate())
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    results = session.propagate()
    next(results)
    started = set(threading.enumerate()) - before
    session.close()
    assert list(results) == []
    assert all_end(started)
