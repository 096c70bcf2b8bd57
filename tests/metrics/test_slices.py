"""Slices by group, and the groups that ground truth gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.metrics.results import Score
from masklet.metrics.slices import (
    UNKNOWN,
    Key,
    Quantities,
    derived_attributes,
    groups_of,
    object_values,
    quantities,
    slices,
)


def score(sequence: str, number: int | None, value: float, **others) -> Score:
    fields = {"predictor": "nano", "setting": "mask", "frame": 1, "metric": "J"} | others
    return Score(sequence=sequence, object_id=number, value=value, **fields)


SCORES = [
    score("bear", 1, 0.9),
    score("bear", 1, 0.7, frame=2),
    score("bear", 2, 0.6),
    score("cows", 1, 0.2),
    score("dogs", 1, 0.1),
]


def test_means_and_differences_are_of_objects() -> None:
    groups: dict[Key, str] = {("bear", None): "indoor", ("cows", 1): "outdoor", ("dogs", 1): "outdoor"}
    inside, outside = slices(SCORES, groups, ["J"], draws=200)
    assert (inside.group, inside.count, outside.group, outside.count) == ("indoor", 2, "outdoor", 2)
    assert inside.mean.value == pytest.approx(0.7)
    assert inside.mean.low >= 0.6
    assert outside.mean.value == pytest.approx(0.15)
    assert inside.difference is not None
    assert inside.difference.value == pytest.approx(0.55)
    assert inside.difference.excludes_zero
    assert outside.difference is not None
    assert outside.difference.value == pytest.approx(-0.55)


def test_an_objects_own_group_goes_before_its_sequences_and_none_is_unknown() -> None:
    groups: dict[Key, str] = {("bear", None): "calm", ("bear", 2): "wild"}
    found = {part.group: part.count for part in slices(SCORES, groups, ["J"], draws=10)}
    assert found == {"calm": 1, "wild": 1, UNKNOWN: 2}
    assert list(found)[-1] == UNKNOWN


def test_predictors_and_settings_are_kept_apart() -> None:
    scores = [*SCORES, score("bear", 1, 0.4, predictor="copy"), score("bear", 1, 0.5, setting="box")]
    found = slices(scores, {("bear", None): "a", ("cows", None): "b", ("dogs", None): "b"}, ["J"], draws=10)
    assert [(part.predictor, part.setting, part.group) for part in found] == [
        ("nano", "mask", "a"),
        ("nano", "mask", "b"),
        ("copy", "mask", "a"),
        ("nano", "box", "a"),
    ]
    assert found[2].mean.value == 0.4
    assert found[2].difference is None


def test_j_and_f_is_the_mean_of_both() -> None:
    scores = [*SCORES, score("bear", 1, 0.6, metric="F")]
    assert object_values(scores, "J&F") == {("nano", "mask", "bear", 1): pytest.approx(0.7)}
    (only,) = slices(scores, {("bear", 1): "a"}, ["J&F"], draws=10)
    assert only.mean.value == pytest.approx(0.7)


def test_groups_that_fit_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"first key is \('goat', None\).*'bear'"):
        slices(SCORES, {("goat", None): "a"}, ["J"])
    with pytest.raises(ValueError, match="no score of the metrics F, iou"):
        slices(SCORES, {("bear", None): "a"}, ["F", "iou"])


def test_an_attribute_gives_groups() -> None:
    attributes: dict[Key, dict[str, str]] = {
        ("bear", None): {"age": "old", "gender": "f"},
        ("cows", None): {"age": "young"},
    }
    assert groups_of(attributes, "gender") == {("bear", None): "f"}
    with pytest.raises(ValueError, match="no attribute 'size': there are age, gender"):
        groups_of(attributes, "size")


def test_many_numbers_become_three_ranges() -> None:
    ages: dict[Key, dict[str, str]] = {(f"video {age}", None): {"age": str(age)} for age in range(20, 50)}
    found = groups_of(ages, "age")
    assert found["video 20", None] == "1: 20 to 30"
    assert found["video 30", None] == "1: 20 to 30"
    assert found["video 31", None] == "2: 30 to 39"
    assert found["video 49", None] == "3: 39 to 49"
    assert found.keys() == ages.keys()
    few: dict[Key, dict[str, str]] = {(str(n), None): {"n": str(n % 3)} for n in range(30)}
    assert set(groups_of(few, "n").values()) == {"0", "1", "2"}


@dataclass
class Drawn:
    """Annotations from arrays."""

    drawn: Mapping[int, Mapping[int, Mask]]

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(self.drawn)

    @property
    def objects(self) -> tuple[int, ...]:
        return tuple(sorted({number for masks in self.drawn.values() for number in masks}))

    def masks(self, frame: int) -> Mapping[int, Mask]:
        return self.drawn[frame]

    def files(self) -> Sequence[Path]:
        return ()


def square(x: int, side: int) -> Mask:
    mask = np.zeros((100, 200), bool)
    mask[10 : 10 + side, x : x + side] = True
    return mask


EMPTY = np.zeros((100, 200), bool)


def video(drawn: Mapping[int, Mapping[int, Mask]], length: int) -> AnnotatedVideo:
    return AnnotatedVideo(
        name="drawn",
        frames=tuple(Path(f"{index:05d}.jpg") for index in range(length)),
        annotations=Drawn(drawn),
        targets=(),
        scored=(),
        groups={},
    )


def test_quantities_are_those_of_the_masks() -> None:
    found = quantities(
        video(
            {
                0: {1: square(0, 10), 2: EMPTY, 3: EMPTY},
                4: {1: square(8, 10), 2: square(20, 20), 3: EMPTY},
                8: {1: EMPTY, 2: EMPTY, 3: EMPTY},
                12: {1: square(8, 10), 2: EMPTY, 3: EMPTY},
            },
            13,
        )
    )
    # 8 pixels in 4 frames, then none in 8, by a side of 10; not seen on one of four frames.
    assert found[1] == Quantities(size=0.005, motion=pytest.approx(0.1), occlusion=0.25, length=13)  # pyright: ignore[reportArgumentType]
    # Before it first appears an object is not occluded.
    assert found[2] == Quantities(size=0.02, motion=None, occlusion=2 / 3, length=13)
    assert 3 not in found


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ((0.0024, 0.019, 0.0, 100), ("small", "slow", "none", "short")),
        ((0.0025, 0.02, 0.01, 101), ("medium", "medium", "some", "medium")),
        ((0.0225, 0.06, 0.25, 401), ("large", "fast", "much", "long")),
    ],
)
def test_groups_have_fixed_bounds(measured: tuple[float, float, float, int], expected: tuple[str, ...]) -> None:
    size, motion, occlusion, length = measured
    found = Quantities(size=size, motion=motion, occlusion=occlusion, length=length).groups()
    assert tuple(found[name] for name in ("object size", "motion", "occlusion", "sequence length")) == expected


def test_attributes_come_from_the_ground_truth() -> None:
    clip = video({0: {1: square(0, 30), 2: square(50, 5)}, 1: {1: square(1, 30), 2: EMPTY}}, 2)
    assert derived_attributes([clip]) == {
        ("drawn", 1): {"object size": "large", "motion": "medium", "occlusion": "none", "sequence length": "short"},
        ("drawn", 2): {"object size": "small", "occlusion": "much", "sequence length": "short"},
    }
