"""The protocol around the measures: which frames and objects count, the two baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from masklet.data.clips import MaskedClip, davis_clips
from masklet.metrics.vos import ClipScore, CopyFirst, FlowWarp, overall, score_clip, table


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    coarse = rng.integers(0, 255, (height // 4, width // 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def write_clip(root: Path, name: str, labels: Sequence[np.ndarray], frames: Sequence[np.ndarray]) -> None:
    for index, (frame, label) in enumerate(zip(frames, labels, strict=True)):
        for folder, suffix, picture in (("JPEGImages", "jpg", frame), ("Annotations", "png", label)):
            path = root / folder / "480p" / name / f"{index:05d}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)


@pytest.fixture
def moving_square(tmp_path: Path) -> MaskedClip:
    """A textured square that moves 3 pixels a frame to the right over another texture."""
    rng = np.random.default_rng(3)
    ground, thing = texture(rng, 96, 128), texture(rng, 32, 32)
    frames, labels = [], []
    for t in range(6):
        frame, label = ground.copy(), np.zeros((96, 128), np.uint8)
        frame[30:62, 20 + 3 * t : 52 + 3 * t] = thing
        label[30:62, 20 + 3 * t : 52 + 3 * t] = 255
        frames.append(frame)
        labels.append(label)
    write_clip(tmp_path, "square", labels, frames)
    return davis_clips(tmp_path)[0]


def test_copying_is_scored_on_the_middle_frames_only(moving_square: MaskedClip) -> None:
    score = score_clip(CopyFirst(), moving_square)
    shifts = np.array([3, 6, 9, 12])  # frames 1..4 of 0..5
    assert score.frames == 6
    assert score.objects[255].j == pytest.approx(np.mean((32 - shifts) / (32 + shifts)))


def test_flow_follows_what_copying_loses(moving_square: MaskedClip) -> None:
    copied, warped = (score_clip(p, moving_square).objects[255] for p in (CopyFirst(), FlowWarp()))
    assert warped.j > 0.7
    assert warped.mean > copied.mean


class Truth:
    """A predictor that knows the answer."""

    name = "truth"

    def __init__(self, clip: MaskedClip) -> None:
        self._clip = clip

    def track(self, frames: Sequence[np.ndarray], first: Mapping[int, np.ndarray]) -> Iterator[dict[int, np.ndarray]]:
        for index in range(1, len(frames)):
            yield {i: self._clip.labels(index) == i for i in first}


def test_the_truth_scores_one_for_every_object(tmp_path: Path) -> None:
    labels = [np.zeros((40, 40), np.uint8) for _ in range(4)]
    for t, label in enumerate(labels):
        label[5:15, 5 + t : 15 + t] = 1
        if t < 2:
            label[25:35, 5:15] = 2
    write_clip(tmp_path, "two", labels, [np.zeros((40, 40, 3), np.uint8)] * 4)
    clip = davis_clips(tmp_path)[0]
    score = score_clip(Truth(clip), clip)
    assert {i: (f.j, f.f) for i, f in score.objects.items()} == {1: (1.0, 1.0), 2: (1.0, 1.0)}
    assert overall([score]).mean == 1.0
    assert table("truth", [score]).row_count == 2


def test_a_predictor_that_stops_early_is_an_error(moving_square: MaskedClip) -> None:
    class Lazy(CopyFirst):
        def track(
            self, frames: Sequence[np.ndarray], first: Mapping[int, np.ndarray]
        ) -> Iterator[Mapping[int, np.ndarray]]:
            return super().track(frames[:2], first)

    with pytest.raises(ValueError, match="frame 2"):
        score_clip(Lazy(), moving_square)


def test_objects_weigh_the_same_whatever_clip_they_are_in(moving_square: MaskedClip) -> None:
    score = score_clip(CopyFirst(), moving_square)
    perfect = ClipScore(name="x", objects={1: overall([score]), 2: overall([score])}, frames=9, frames_per_second=1.0)
    assert overall([score, perfect]).j == pytest.approx(overall([score]).j)
    with pytest.raises(ValueError, match="no clip"):
        overall([])


def test_a_folder_of_another_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="JPEGImages/480p"):
        davis_clips(tmp_path)
