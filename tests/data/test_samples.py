"""The sample type, and what counts as promptable."""

from __future__ import annotations

import numpy as np
import pytest

from masklet.data.samples import Sample, promptable

FRAMES = np.zeros((2, 8, 8, 3), np.uint8)


def test_presence_follows_the_area() -> None:
    masks = np.zeros((2, 2, 8, 8), bool)
    masks[0, 0, 2:4, 2:4] = True
    masks[1, 1, 0, 0] = True
    sample = Sample(frames=FRAMES, masks=masks, source="x")
    assert sample.present.tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize(
    ("frames", "masks", "message"),
    [
        (FRAMES.astype(np.float32), np.zeros((1, 2, 8, 8), bool), "uint8"),
        (FRAMES, np.zeros((1, 2, 8, 8), np.uint8), "bool"),
        (FRAMES, np.zeros((1, 3, 8, 8), bool), "do not fit"),
    ],
)
def test_ill_formed_samples_are_refused(frames: np.ndarray, masks: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sample(frames=frames, masks=masks, source="x")


def test_a_picture_without_masks_has_no_objects() -> None:
    sample = Sample(frames=FRAMES, masks=np.zeros((0, 2, 8, 8), bool), source="x")
    assert sample.present.shape == (0, 2)


def test_promptable_keeps_neither_specks_nor_whole_frames() -> None:
    masks = np.zeros((3, 50, 50), bool)
    masks[0, 0, 0] = True
    masks[1, 10:20, 10:20] = True
    masks[2] = True
    assert promptable(masks).tolist() == [1]
    assert promptable(masks[:0]).tolist() == []
