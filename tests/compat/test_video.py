from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from masklet.compat.sam2 import SAM2VideoPredictor, build_sam2_video_predictor
from masklet.compat.sam2.sam2_video_predictor import InferenceState
from masklet.session.video import VideoSession

FRAMES, HEIGHT, WIDTH = 5, 48, 80


@pytest.fixture(scope="module")
def predictor() -> SAM2VideoPredictor:
    torch.manual_seed(7)
    return build_sam2_video_predictor("nano", device="cpu", hydra_overrides_extra=["++model.image_size=64"])


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return np.random.default_rng(8).integers(0, 256, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def state(predictor: SAM2VideoPredictor, clip: np.ndarray) -> InferenceState:
    return predictor.init_state(clip, offload_video_to_cpu=True, offload_state_to_cpu=True, async_loading_frames=True)


def click(predictor: SAM2VideoPredictor, state: InferenceState, frame: int, obj: Any, **more: Any):
    return predictor.add_new_points_or_box(state, frame, obj, points=[[40, 20]], labels=[1], **more)


def frames(predictor: SAM2VideoPredictor, state: InferenceState, **more: Any) -> list[int]:
    return [frame for frame, _, _ in predictor.propagate_in_video(state, **more)]


def test_the_state_shows_what_programs_read(state: InferenceState):
    assert state["num_frames"] == FRAMES
    assert (state["video_height"], state["video_width"]) == (HEIGHT, WIDTH)
    assert state["obj_ids"] == []
    with pytest.raises(KeyError, match="cached_features"):
        state["cached_features"]


def test_results_are_those_of_a_session(predictor: SAM2VideoPredictor, state: InferenceState, clip: np.ndarray):
    frame, ids, logits = predictor.add_new_points_or_box(
        state, 1, "cat", points=np.array([[40, 20]], np.float32), labels=np.array([1], np.int32), box=[10, 5, 60, 40]
    )
    assert (frame, ids) == (1, ["cat"])
    assert logits.shape == (1, 1, HEIGHT, WIDTH)
    assert logits.dtype == torch.float32
    session = VideoSession(predictor.model, clip)
    first = session.prompt(1, 7, points=[[40, 20]], labels=[1], box=[10, 5, 60, 40])
    np.testing.assert_array_equal(logits[0, 0].numpy(), first.objects[7].logits)
    expected = {result.frame: result.objects[7].logits for result in session.propagate()}
    for frame, ids, logits in predictor.propagate_in_video(state):
        assert ids == ["cat"]
        np.testing.assert_array_equal(logits[0, 0].numpy(), expected.pop(frame))
    assert not expected


def test_ranges_are_inclusive_and_reverse_from_zero_is_nothing(predictor: SAM2VideoPredictor, state: InferenceState):
    click(predictor, state, 2, 1)
    assert frames(predictor, state) == [2, 3, 4]
    assert frames(predictor, state, reverse=True) == [2, 1, 0]
    assert frames(predictor, state, start_frame_idx=0, max_frame_num_to_track=2) == [0, 1, 2]
    assert frames(predictor, state, start_frame_idx=4, max_frame_num_to_track=2, reverse=True) == [4, 3, 2]
    assert frames(predictor, state, start_frame_idx=1, max_frame_num_to_track=0) == [1]
    assert frames(predictor, state, start_frame_idx=0, reverse=True) == []
    assert frames(predictor, state, start_frame_idx=3, max_frame_num_to_track=99) == [3, 4]


def test_reverse_starts_from_the_earliest_prompt(predictor: SAM2VideoPredictor, state: InferenceState):
    click(predictor, state, 1, 1)
    click(predictor, state, 3, 1)
    assert frames(predictor, state, reverse=True) == [1, 0]


def test_an_object_without_a_result_is_far_below_zero(predictor: SAM2VideoPredictor, state: InferenceState):
    click(predictor, state, 0, 5)
    frame, ids, logits = click(predictor, state, 2, 3)
    assert (frame, ids) == (2, [5, 3])
    assert (logits[0] == -1024).all()
    assert (logits[1] > -1024).any()
    yielded = {frame: logits for frame, _, logits in predictor.propagate_in_video(state)}
    assert (yielded[0][1] == -1024).all()
    assert (yielded[4][1] > -1024).any()


def test_relative_coordinates_and_added_clicks(predictor: SAM2VideoPredictor, state: InferenceState):
    _, _, pixels = click(predictor, state, 0, 1)
    _, _, relative = predictor.add_new_points_or_box(
        state, 0, 2, points=torch.tensor([[0.5, 20 / HEIGHT]]), labels=torch.tensor([1]), normalize_coords=False
    )
    torch.testing.assert_close(relative[1], pixels[0], rtol=0, atol=1e-4)
    predictor.add_new_points(state, 0, 1, points=[[3, 4]], labels=[0], clear_old_points=False)
    assert len(state.session.prompts(state.numbers[1])[0].points) == 2
    click(predictor, state, 0, 1)
    assert len(state.session.prompts(state.numbers[1])[0].points) == 1


def test_a_box_over_the_edge_is_cut_off(predictor: SAM2VideoPredictor, state: InferenceState):
    predictor.add_new_points_or_box(state, 0, 1, box=torch.tensor([-3.5, 5, 81, 50]))
    assert state.session.prompts(state.numbers[1])[0].box == (0, 5, WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.float32, "tensor"])
def test_masks(predictor: SAM2VideoPredictor, state: InferenceState, kind: Any):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_ if kind == "tensor" else kind)
    mask[10:30, 20:50] = True
    frame, ids, logits = predictor.add_new_mask(state, 1, 4, torch.from_numpy(mask) if kind == "tensor" else mask)
    assert (frame, ids) == (1, [4])
    found = (logits[0, 0] > 0).numpy()
    assert (found & (mask > 0)).sum() / (found | (mask > 0)).sum() > 0.9


def test_clear_remove_and_reset(predictor: SAM2VideoPredictor, state: InferenceState):
    click(predictor, state, 0, 1)
    click(predictor, state, 2, 1)
    click(predictor, state, 0, 2)
    frame, ids, logits = predictor.clear_all_prompts_in_frame(state, 2, 1) or (None, None, None)
    assert (frame, ids) == (2, [1, 2])
    assert logits is not None
    assert logits.shape == (2, 1, HEIGHT, WIDTH)
    assert predictor.clear_all_prompts_in_frame(state, 2, 1, need_output=False) is None
    assert frames(predictor, state) == [0, 1, 2, 3, 4]
    ids, updated = predictor.remove_object(state, 1)
    assert ids == [2]
    assert [(frame, logits.shape) for frame, logits in updated] == [(0, (1, 1, HEIGHT, WIDTH))]
    assert predictor.remove_object(state, 9) == ([2], [])
    with pytest.raises(RuntimeError, match="Cannot remove object id 9"):
        predictor.remove_object(state, 9, strict=True)
    click(predictor, state, 1, 1)
    assert predictor.remove_object(state, 1, need_output=False) == ([2], [])
    predictor.reset_state(state)
    assert state["obj_ids"] == []
    with pytest.raises(RuntimeError, match="for any object"):
        frames(predictor, state)
    click(predictor, state, 3, 2)
    assert frames(predictor, state) == [3, 4]


def test_an_object_whose_prompts_are_gone_is_an_error(predictor: SAM2VideoPredictor, state: InferenceState):
    click(predictor, state, 0, 1)
    click(predictor, state, 0, "two")
    predictor.clear_all_prompts_in_frame(state, 0, "two")
    with pytest.raises(RuntimeError, match="object id two"):
        predictor.propagate_in_video_preflight(state)
    with pytest.raises(RuntimeError, match="object id three doesn't exist"):
        predictor.clear_all_prompts_in_frame(state, 0, "three")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({"points": [[1, 2]]}, "together"),
        ({}, "at least one"),
        ({"box": [1, 2, 3, 4], "clear_old_points": False}, "cannot add box without clearing old points"),
        ({"points": [[90, 2]], "labels": [1]}, "outside"),
        ({"box": [9, 2, 3, 4]}, "reversed"),
        ({"box": [90, 2, 95, 4]}, "empty"),
        ({"box": [1, 2, np.nan, 4]}, "finite"),
    ],
)
def test_wrong_prompts_leave_nothing_behind(
    predictor: SAM2VideoPredictor, state: InferenceState, prompt: dict[str, Any], message: str
):
    with pytest.raises(ValueError, match=message):
        predictor.add_new_points_or_box(state, 0, 1, **prompt)
    with pytest.raises(ValueError, match="frame"):
        click(predictor, state, FRAMES, 1)
    assert state["obj_ids"] == []


def test_a_box_after_tracking_warns(predictor: SAM2VideoPredictor, state: InferenceState):
    click(predictor, state, 0, 1)
    assert len(frames(predictor, state)) == FRAMES
    with pytest.warns(UserWarning, match="box"):
        predictor.add_new_points_or_box(state, 2, 1, box=[1, 2, 30, 40])


def test_autocast_as_notebooks_use_it(predictor: SAM2VideoPredictor, state: InferenceState):
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        click(predictor, state, 0, 1)
        for _, _, logits in predictor.propagate_in_video(state):
            assert logits.dtype == torch.float32
            assert logits.isfinite().all()
