from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from masklet.media import MediaError
from masklet.model.fast import FAST
from masklet.model.sam2 import Sam2
from masklet.session import CORRECT, PUBLISHED, FrameResult, Policy, VideoSession, engine
from masklet.session.engine import Engine
from masklet.session.results import at_frame_size
from masklet.session.source import KEPT_FRAMES

SQUARE: dict[str, Any] = {"points": [(12, 18)]}


def low_res(results: list[FrameResult], object_id: int) -> dict[int, torch.Tensor]:
    return {r.frame: r.objects[object_id].low_res for r in results if object_id in r.objects}


def same(a: dict[int, torch.Tensor], b: dict[int, torch.Tensor], tolerance: float = 0.0) -> None:
    assert a.keys() == b.keys()
    for frame, found in a.items():
        torch.testing.assert_close(found, b[frame], rtol=0, atol=tolerance, msg=lambda m, f=frame: f"frame {f}: {m}")


def test_prompt_answers_at_once_at_the_size_of_the_video(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    result = session.prompt(3, 7, **SQUARE)
    entry = result.objects[7]
    assert (result.frame, session.object_ids, session.length, session.size) == (3, (7,), 24, (48, 64))
    assert entry.mask.shape == entry.logits.shape == (48, 64)
    assert entry.mask.dtype == np.bool_
    assert entry.logits.dtype == np.float32
    assert entry.prompted
    assert entry.visible == (entry.score > 0)
    assert 0 <= entry.iou <= 1
    assert np.array_equal(entry.mask, entry.logits > 0)


@pytest.mark.parametrize("size", [(48, 64), (112, 112), (1, 1), (7, 500), (224, 56), (337, 213), (720, 1280)])
def test_logits_at_the_frame_s_size_are_those_that_torch_makes(size: tuple[int, int]) -> None:
    low = torch.randn(1, 112, 112, generator=torch.Generator().manual_seed(0)) * 8
    found = at_frame_size(low[0], size)
    expected = F.interpolate(low[None], size=size, mode="bilinear", align_corners=False)[0, 0]
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, list(range(5, 24))),
        ({"stop": 9}, [5, 6, 7, 8]),
        ({"start": 7, "stop": 10}, [7, 8, 9]),
        ({"reverse": True}, [5, 4, 3, 2, 1, 0]),
        ({"start": 8, "stop": 3, "reverse": True}, [8, 7, 6, 5, 4]),
        ({"start": 0, "reverse": True}, [0]),
    ],
)
def test_propagate_covers_the_range(
    model: Sam2, frames: np.ndarray, arguments: dict[str, Any], expected: list[int]
) -> None:
    session = VideoSession(model, frames)
    session.prompt(5, 1, **SQUARE)
    assert [result.frame for result in session.propagate(**arguments)] == expected


def test_prompted_frame_comes_as_it_was_answered(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    answer = session.prompt(0, 1, **SQUARE).objects[1]
    first = next(session.propagate()).objects[1]
    assert torch.equal(first.low_res, answer.low_res)
    assert first.prompted


def test_leaving_the_loop_stops_early_and_going_on_is_the_same(model: Sam2, frames: np.ndarray) -> None:
    whole = VideoSession(model, frames)
    whole.prompt(0, 1, **SQUARE)
    expected = low_res(list(whole.propagate()), 1)
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    parts = []
    for result in session.propagate():
        parts.append(result)
        if result.frame == 6:
            break
    parts += session.propagate(7)
    same(low_res(parts, 1), expected)


def test_corrections_survive_propagation_and_condition(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    before = low_res(list(session.propagate()), 1)
    corrected = session.prompt(6, 1, points=[(50, 40)], labels=[0]).objects[1].low_res
    assert session.conditioning_frames(1) == (0, 6)
    after = low_res(list(session.propagate()), 1)
    assert torch.equal(after[6], corrected)
    assert not torch.equal(after[7], before[7])


@pytest.mark.parametrize(
    ("policy", "prompt", "is_left_out"),
    [
        (CORRECT, {"points": [(20, 18)]}, True),
        (CORRECT, {"points": [(20, 18), (50, 40)], "labels": [1, 0]}, True),
        (CORRECT, {"box": (10, 10, 30, 26)}, True),
        (CORRECT, {"points": [(20, 18)], "labels": [0]}, False),
        (PUBLISHED, {"points": [(20, 18)]}, False),
    ],
)
def test_who_finds_a_lost_object_again_is_not_told_that_nothing_is_there(
    model: Sam2, frames: np.ndarray, policy: Policy, prompt: dict[str, Any], is_left_out: bool
) -> None:
    answers: list[torch.Tensor] = []
    for known in ("hidden", "nothing"):
        session = VideoSession(model, frames, policy=policy, archive=False)
        session.prompt(0, 1, **SQUARE)
        list(session.propagate(stop=7))
        bank = session.objects[1].bank
        record = session.objects[1].record(6)
        assert record is not None
        bank.tracked.pop(6)
        if known == "hidden":
            hidden = torch.full_like(record.logits, engine.NO_OBJECT)
            bank.tracked.put(6, replace(record, logits=hidden, score=-5.0))
        answers.append(session.prompt(6, 1, **prompt).objects[1].low_res)
    assert torch.equal(*answers) == is_left_out


def test_reference_exact_loses_corrections_as_the_released_code_does(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames, reference_exact=True)
    session.prompt(0, 1, **SQUARE)
    before = low_res(list(session.propagate()), 1)
    session.prompt(6, 1, points=[(50, 40)], labels=[0])
    assert session.conditioning_frames(1) == (0,)
    same(low_res(list(session.propagate()), 1), before)


def test_an_object_starts_with_its_first_prompt(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    session.prompt(5, 2, box=(20, 5, 40, 30))
    results = list(session.propagate(stop=9))
    assert [sorted(r.objects) for r in results] == [[1]] * 5 + [[1, 2]] * 4
    assert [sorted(r.objects) for r in session.propagate(4, reverse=True)] == [[1, 2]] * 5

    published = VideoSession(model, frames, reference_exact=True)
    published.prompt(0, 1, **SQUARE)
    published.prompt(5, 2, box=(20, 5, 40, 30))
    assert all(sorted(r.objects) == [1, 2] for r in published.propagate(stop=9))


def test_both_ways_covers_every_object(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(4, 1, **SQUARE)
    session.prompt(9, 2, box=(20, 5, 40, 30))
    order = [result.frame for result in session.propagate_both(2, 14)]
    assert order == [*range(4, 14), *range(8, 1, -1)]
    assert [m.frames for m in session.masklets()] == [tuple(range(2, 14))] * 2
    forward = VideoSession(model, frames)
    forward.prompt(4, 1, **SQUARE)
    expected = low_res(list(forward.propagate(stop=14)), 1)
    same(low_res([session.result(frame) for frame in expected], 1), expected, tolerance=5e-3)
    with pytest.raises(ValueError, match=r"within 0\.\.24"):
        session.propagate_both(5, 25)
    with pytest.raises(ValueError, match="no prompt"):
        VideoSession(model, frames).propagate_both()
    with pytest.raises(ValueError, match="forward only"):
        VideoSession(model, iter(frames)).propagate_both()


def test_only_a_later_prompt_left(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    list(session.propagate(stop=10))
    session.prompt(6, 1, points=[(12, 20)])
    session.clear(frame=0, object_id=1)
    assert session.conditioning_frames(1) == (6,)
    assert [r.frame for r in session.propagate() if 1 in r.objects] == list(range(6, 24))


def test_click_on_a_tracked_frame_without_any_memory_left(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames, archive=False)
    session.prompt(0, 1, **SQUARE)
    list(session.propagate())
    session.clear(frame=0, object_id=1)
    assert session.prompt(0, 1, **SQUARE).objects[1].mask.shape == (48, 64)


@pytest.mark.parametrize("policy", [CORRECT, PUBLISHED])
def test_video_of_one_frame(model: Sam2, frames: np.ndarray, policy: Policy) -> None:
    session = VideoSession(model, frames[:1], policy=policy)
    session.prompt(0, 1, **SQUARE)
    assert [r.frame for r in session.propagate()] == [0]
    corrected = session.prompt(0, 1, points=[(12, 19)], replace=False)
    assert torch.isfinite(corrected.objects[1].low_res).all()


@pytest.mark.parametrize(("most", "sizes"), [(1, {1}), (2, {2, 1}), (3, {3})])
def test_batch_of_objects_equals_one_by_one(
    model: Sam2, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch, most: int, sizes: set[int]
) -> None:
    batches: list[int] = []
    track = Engine._track_batch
    monkeypatch.setattr(Engine, "_track_batch", lambda self, *of: batches.append(len(of[1])) or track(self, *of))
    monkeypatch.setattr(engine, "PLACES_AT_ONCE", most * model.config.grid**2)
    prompts = {1: SQUARE, 2: {"box": (20, 5, 40, 30)}, 3: {"points": [(50, 40), (5, 5)], "labels": [1, 0]}}
    together = VideoSession(model, frames)
    for object_id, prompt in prompts.items():
        together.prompt(0, object_id, **prompt)
    results = list(together.propagate(stop=12))
    assert set(batches) == sizes
    for object_id, prompt in prompts.items():
        alone = VideoSession(model, frames)
        alone.prompt(0, object_id, **prompt)
        same(low_res(results, object_id), low_res(list(alone.propagate(stop=12)), object_id), tolerance=5e-3)


def test_objects_join_and_leave_between_results(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    present = []
    for result in session.propagate(stop=9):
        present.append(sorted(result.objects))
        if result.frame == 2:
            session.prompt(4, 2, box=(20, 5, 40, 30))
        if result.frame == 6:
            session.remove_object(1)
    assert present == [[1], [1], [1], [1], [1, 2], [1, 2], [1, 2], [2], [2]]


def test_clicks_add_up_or_replace(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, box=(4, 8, 20, 28), points=[(10, 12)])
    session.prompt(0, 1, points=[(12, 18)], labels=[0], replace=False)
    prompt = session.prompts(1)[0]
    assert (prompt.points, prompt.labels, prompt.box) == (((10.0, 12.0), (12.0, 18.0)), (1, 0), (4.0, 8.0, 20.0, 28.0))
    session.prompt(0, 1, points=[(3, 4)])
    assert session.prompts(1)[0].points == ((3.0, 4.0),)
    assert session.prompts(1)[0].box is None


def test_mask_prompt_is_the_mask(model: Sam2, frames: np.ndarray) -> None:
    mask = np.zeros((48, 64), bool)
    mask[10:30, 20:45] = True
    session = VideoSession(model, frames)
    entry = session.prompt(2, 1, mask=mask).objects[1]
    assert entry.visible
    assert entry.iou == 1.0
    overlap = (entry.mask & mask).sum() / (entry.mask | mask).sum()
    assert overlap > 0.9  # it went through the model's mask grid


def test_pushed_frames_equal_a_clip(model: Sam2, frames: np.ndarray) -> None:
    clip = VideoSession(model, frames)
    clip.prompt(2, 1, **SQUARE)
    expected = low_res(list(clip.propagate()), 1)
    live = VideoSession(model)
    results = []
    for frame in frames:
        result = live.push(frame)
        if result.frame == 2:
            result = live.prompt(2, 1, **SQUARE)
        results.append(result)
    same(low_res(results, 1), expected)


def test_generator_equals_a_clip(model: Sam2, frames: np.ndarray) -> None:
    clip = VideoSession(model, frames)
    clip.prompt(2, 1, **SQUARE)
    stream = VideoSession(model, (frame for frame in frames))
    stream.prompt(2, 1, **SQUARE)
    same(low_res(list(stream.propagate()), 1), low_res(list(clip.propagate()), 1))
    assert stream.length == 24


def test_old_frames_of_a_stream_are_gone(model: Sam2, frames: np.ndarray) -> None:
    live = VideoSession(model)
    for index in range(KEPT_FRAMES + 3):
        live.push(frames[index % len(frames)])
    with pytest.raises(ValueError, match="frame 2 of the stream is gone: only the last 32 frames"):
        live.prompt(2, 1, **SQUARE)
    with pytest.raises(ValueError, match="there is no frame 99"):
        live.prompt(99, 1, **SQUARE)


def test_state_of_a_live_session_stays_small(model: Sam2, frames: np.ndarray) -> None:
    live = VideoSession(model)
    live.push(frames[0])
    live.prompt(0, 1, **SQUARE)
    for index in range(1, 120):
        live.push(frames[index % len(frames)])
    state = live.objects[1]
    assert len(state.visited) <= KEPT_FRAMES
    assert len(state.bank.tracked.frames()) <= model.config.memory_reach + 2
    assert len(dict(state.bank.tracked.pointer_frames())) <= 32


def test_archive_changes_no_number_and_allows_masklets(model: Sam2, frames: np.ndarray) -> None:
    sessions = [VideoSession(model, frames, archive=kept) for kept in (True, False)]
    results = []
    for session in sessions:
        session.prompt(3, 1, **SQUARE)
        results.append(low_res(list(session.propagate()), 1))
    same(*results)
    (masklet,) = sessions[0].masklets()
    assert masklet.frames == tuple(range(3, 24))
    assert masklet.prompts[0]["frame"] == 3
    assert np.array_equal(masklet.mask(20), sessions[0].result(20).objects[1].mask)
    with pytest.raises(ValueError, match="keeps no archive"):
        sessions[1].masklets()


def test_correction_far_back_sees_what_the_tracker_saw(model: Sam2, frames: np.ndarray) -> None:
    """With an archive a late correction equals one that was made while the memories were fresh."""
    late, fresh = VideoSession(model, frames), VideoSession(model, frames)
    for session, stop in ((late, 24), (fresh, 5)):
        session.prompt(0, 1, **SQUARE)
        list(session.propagate(stop=stop))
    correction = {"points": [(50, 40)], "labels": [0]}
    a, b = late.prompt(4, 1, **correction), fresh.prompt(4, 1, **correction)
    assert torch.equal(a.objects[1].low_res, b.objects[1].low_res)


def test_undo_and_redo(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    assert not session.undo()
    session.prompt(0, 1, **SQUARE)
    first = low_res(list(session.propagate()), 1)
    session.prompt(6, 1, points=[(50, 40)], labels=[0])
    second = low_res(list(session.propagate()), 1)
    assert session.undo()
    assert session.conditioning_frames(1) == (0,)
    same(low_res([session.result(6)], 1), {6: first[6]})
    same(low_res(list(session.propagate()), 1), first)
    assert session.redo()
    same(low_res(list(session.propagate()), 1), second)
    assert not session.redo()


@pytest.mark.parametrize("change", ["remove", "clear object", "clear frame", "clear all"])
def test_removal_and_clearing_can_be_undone(model: Sam2, frames: np.ndarray, change: str) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    session.prompt(0, 2, box=(20, 5, 40, 30))
    before = [low_res(list(session.propagate(stop=8)), number) for number in (1, 2)]
    if change == "remove":
        session.remove_object(1)
        assert session.object_ids == (2,)
    else:
        session.clear(frame=0 if change == "clear frame" else None, object_id=None if change == "clear all" else 1)
        assert session.prompts(1) == {}
        assert (session.prompts(2) == {}) == (change == "clear all")
    assert session.undo()
    assert session.object_ids == (1, 2)
    results = list(session.propagate(stop=8))
    for number, expected in zip((1, 2), before, strict=True):
        same(low_res(results, number), expected)


def test_prompts_of_a_range_are_one_step(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    for frame in (0, 3, 5, 8):
        session.prompt(frame, 1, **SQUARE)
    before = low_res(list(session.propagate(stop=10)), 1)
    session.clear(frame=range(3, 6), object_id=1)
    assert list(session.prompts(1)) == [0, 8]
    assert session.undo()
    assert list(session.prompts(1)) == [0, 3, 5, 8]
    same(low_res(list(session.propagate(stop=10)), 1), before)
    assert session.redo()
    assert list(session.prompts(1)) == [0, 8]
    with pytest.raises(ValueError, match="frame"):
        session.clear(frame=range(20, 30), object_id=1)
    assert list(session.prompts(1)) == [0, 8]


def test_a_new_change_ends_redo(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    session.undo()
    session.prompt(1, 1, **SQUARE)
    assert not session.redo()


def test_clearing_everything_leaves_nothing_to_propagate(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    session.clear()
    with pytest.raises(ValueError, match="no prompt to propagate"):
        session.propagate()


def test_objects_do_not_overlap_when_asked(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames, policy=replace(CORRECT, non_overlap=True))
    mask = np.zeros((48, 64), bool)
    mask[5:40, 5:50] = True
    session.prompt(0, 1, mask=mask)
    session.prompt(0, 2, mask=np.roll(mask, 8, axis=1))
    for result in session.propagate(stop=4):
        assert not (result.objects[1].mask & result.objects[2].mask).any()


def test_closest_conditioning_frames_only(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames, policy=replace(CORRECT, max_conditioning=2))
    for frame in (0, 5, 10, 15):
        session.prompt(frame, 1, **SQUARE)
    assert len(list(session.propagate())) == 24
    with pytest.raises(ValueError, match="at least 2"):
        Policy(max_conditioning=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frame": 24, **SQUARE}, "expected a frame in 0..23"),
        ({"frame": -1, **SQUARE}, "expected frame as a whole number from 0, got -1"),
        ({"frame": 1.5, **SQUARE}, "expected frame as a whole number"),
        ({"object_id": "cat", **SQUARE}, "expected object_id as a whole number"),
        ({}, "expected points, a box or a mask"),
        ({"labels": [1]}, "expected points to go with the labels"),
        ({"points": [(64.5, 3)]}, "outside of the picture"),
        ({"points": [(float("nan"), 3)]}, "finite"),
        ({"points": [(1, 3)], "labels": [2]}, "label is 1"),
        ({"points": [(1, 3)], "labels": [1, 0]}, "one label for each"),
        ({"box": (30, 3, 10, 20)}, "reversed or empty"),
        ({"box": (30, 3, 30, 20)}, "reversed or empty"),
        ({"mask": np.ones((10, 10), bool)}, r"shape \[48, 64\]"),
        ({"mask": np.zeros((48, 64), bool)}, "empty"),
        ({"mask": np.ones((48, 64), bool), **SQUARE}, "stands alone"),
        ({"box": (1, 1, 9, 9), "replace": False}, "replace=True"),
    ],
)
def test_bad_prompts_change_nothing(model: Sam2, frames: np.ndarray, arguments: dict[str, Any], message: str) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    with pytest.raises(ValueError, match=message):
        session.prompt(**{"frame": 3, "object_id": 9, **arguments})
    assert session.object_ids == (1,)
    assert list(session.prompts(1)) == [0]
    assert session.undo()
    assert not session.undo()


def test_unknown_objects_and_ranges(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    with pytest.raises(ValueError, match="no prompt to propagate"):
        session.propagate()
    session.prompt(0, 1, **SQUARE)
    for call in (session.remove_object, session.prompts, lambda n: session.clear(object_id=n)):
        with pytest.raises(ValueError, match="there is no object 5; objects: 1"):
            call(5)
    with pytest.raises(ValueError, match=r"0\.\.23"):
        session.propagate(24)
    with pytest.raises(ValueError, match="stop within the video"):
        session.propagate(0, 30)
    with pytest.raises(ValueError, match="either a policy or reference_exact"):
        VideoSession(model, frames, policy=CORRECT, reference_exact=True)
    with pytest.raises(ValueError, match="session without source"):
        session.push(frames[0])


def test_frames_that_are_no_pictures(model: Sam2, frames: np.ndarray) -> None:
    live = VideoSession(model)
    live.push(frames[0])
    with pytest.raises(ValueError, match="64x48 like the first, got 32x24"):
        live.push(frames[0, :24, :32])
    with pytest.raises(ValueError, match="uint8"):
        live.push(frames[0] / 255.0)
    with pytest.raises(TypeError, match="numpy array"):
        live.push([1, 2, 3])  # pyright: ignore[reportArgumentType]
    with pytest.raises(MediaError):
        VideoSession(model, np.zeros((0, 4, 4, 3), np.uint8))
    assert live.push(frames[1]).frame == 1


def test_full_disk_is_named_and_loses_nothing(model: Sam2, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    session = VideoSession(model, frames)
    session.prompt(0, 1, **SQUARE)
    results = session.propagate()
    kept = low_res([next(results) for _ in range(4)], 1)
    assert session.archive is not None

    class Full:
        def seek(self, _: int) -> None: ...

        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(session.archive, "_file", Full())
        with pytest.raises(OSError, match=r"cannot keep the session's archive in .*archive=False"):
            next(results)
    same(low_res([session.result(frame) for frame in range(4)], 1), kept)
    assert next(session.propagate(4)).frame == 4


@pytest.mark.parametrize("both", [False, True])
def test_only_the_chosen_objects_are_tracked(model: Sam2, frames: np.ndarray, both: bool) -> None:
    session = VideoSession(model, frames)
    session.prompt(2, 1, **SQUARE)
    session.prompt(3, 2, points=[(40, 40)])
    list(session.propagate(2, 8))
    earlier = {frame: session.result(frame).objects[2].low_res for frame in range(3, 8)}
    session.prompt(2, 1, points=[(50, 10)])
    walk = session.propagate_both(0, 8, objects=[1]) if both else session.propagate(2, 8, objects=[1])
    assert {result.frame for result in walk} == (set(range(8)) if both else set(range(2, 8)))
    for frame, found in earlier.items():
        assert torch.equal(session.result(frame).objects[2].low_res, found)
    assert 2 not in session.result(0).objects


def test_forgetting_tracked_frames_leaves_prompts_and_other_frames(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    alone = session.prompt(6, 1, **SQUARE).objects[1].low_res
    session.clear()
    session.prompt(0, 1, **SQUARE)
    list(session.propagate(0, 8))
    session.forget(1, range(5, 8))
    assert [frame for frame in range(8) if 1 in session.result(frame).objects] == [0, 1, 2, 3, 4]
    assert set(session.prompts(1)) == {0}
    # Without what tracking left there, a prompt stands alone again.
    assert torch.equal(session.prompt(6, 1, **SQUARE).objects[1].low_res, alone)


@pytest.mark.parametrize("level", range(1, len(FAST)))
def test_a_faster_model_tracks_and_its_saved_sessions_are_its_own(
    model: Sam2, frames: np.ndarray, tmp_path: Path, level: int
) -> None:
    faster = Sam2(FAST[level].of(model.config)).eval()
    faster.load_state_dict(model.state_dict())
    found: dict[str, list[FrameResult]] = {}
    for name, one in (("as trained", model), ("faster", faster)):
        session = VideoSession(one, frames)
        session.prompt(0, 1, **SQUARE)
        found[name] = list(session.propagate(stop=8))
    assert all(result.objects[1].mask.shape == (48, 64) for result in found["faster"])
    exact, left_out = (results[-1].objects[1].logits for results in found.values())
    assert not np.array_equal(exact, left_out)
    session.save(tmp_path / "state")
    with pytest.raises(ValueError, match="saved with the model"):
        VideoSession.load(tmp_path / "state", model, frames)
    again = VideoSession.load(tmp_path / "state", faster, frames)
    (expected,), (result,) = (list(one.propagate(start=8, stop=9)) for one in (session, again))
    assert torch.equal(result.objects[1].low_res, expected.objects[1].low_res)
