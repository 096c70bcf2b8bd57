"""One object's masks over frames."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from masklet.masks import FrameMask, Masklet, Rle

SHAPE = (5, 7)
MASK = hnp.arrays(np.bool_, SHAPE)


@st.composite
def masklets(draw: st.DrawFn) -> Masklet:
    frames = draw(st.lists(st.integers(0, 500), unique=True, max_size=6))
    records = [
        FrameMask(
            frame=frame,
            rle=Rle.encode(draw(MASK)),
            score=draw(st.floats(-50, 50)),
            iou=draw(st.floats(0, 1)),
            visible=draw(st.booleans()),
            prompted=draw(st.booleans()),
        )
        for frame in frames
    ]
    name = draw(st.none() | st.text(max_size=8))
    prompts = [{"frame": 0, "points": [[1.5, 2.0]], "labels": [1]}] if draw(st.booleans()) else []
    return Masklet(draw(st.integers(0, 2**40)), *SHAPE, records, name=name, prompts=prompts)


def square(y: int, x: int, size: int = 2) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[y : y + size, x : x + size] = True
    return mask


@given(masklets())
def test_json_round_trip(masklet: Masklet) -> None:
    again = Masklet.from_json(json.loads(json.dumps(masklet.to_json(), allow_nan=False)))
    assert again == masklet
    assert again.to_json() == masklet.to_json()
    assert list(again) == list(masklet)


@given(masklets())
def test_frames_are_sorted(masklet: Masklet) -> None:
    assert list(masklet.frames) == sorted(masklet.frames)
    assert [record.frame for record in masklet] == list(masklet.frames)
    assert len(masklet) == len(masklet.frames)


@given(masklets(), masklets())
def test_union_and_intersection_per_frame(a: Masklet, b: Masklet) -> None:
    both = set(a.frames) & set(b.frames)
    joined, common = a.union(b), a.intersection(b)
    assert set(joined.frames) == set(a.frames) | set(b.frames)
    assert set(common.frames) == both
    for frame in both:
        np.testing.assert_array_equal(joined.mask(frame), a.mask(frame) | b.mask(frame))
        np.testing.assert_array_equal(common.mask(frame), a.mask(frame) & b.mask(frame))
        assert joined[frame].visible == (a[frame].visible or b[frame].visible)
    assert (joined.object_id, joined.name) == (a.object_id, a.name)


def test_measures_and_visibility() -> None:
    empty = np.zeros(SHAPE, bool)
    masklet = Masklet.from_masks(3, {4: square(1, 2), 0: empty, 2: square(0, 0, 1), 9: empty}, name="cup")
    assert masklet.frames == (0, 2, 4, 9)
    assert (masklet.first_seen, masklet.last_seen) == (2, 4)
    assert masklet.visibility == {0: False, 2: True, 4: True, 9: False}
    assert masklet.area(4) == 4
    assert masklet.bbox(4) == (2, 1, 4, 3)
    assert masklet.bbox(0) is None
    assert masklet[0].score == -10
    assert masklet[2].score == 10
    assert 2 in masklet
    assert 3 not in masklet
    assert masklet.get(3) is None
    assert repr(masklet) == "Masklet(3, 5x7, 4 frames: 0..9, name='cup')"
    never = Masklet.from_masks(1, {0: empty})
    assert (never.first_seen, never.last_seen) == (None, None)


def test_add_replace_discard() -> None:
    masklet = Masklet.from_masks(1, {3: square(0, 0)})
    with pytest.raises(ValueError, match="already has a mask at frame 3"):
        masklet.add(FrameMask.given(3, square(1, 1)))
    masklet.add(FrameMask.given(3, square(1, 1)), replace=True)
    assert masklet.bbox(3) == (1, 1, 3, 3)
    masklet.discard(3)
    masklet.discard(3)
    assert masklet.frames == ()
    with pytest.raises(KeyError, match="no mask at frame 3"):
        masklet.mask(3)


def test_size_is_checked() -> None:
    masklet = Masklet(1, 5, 7)
    with pytest.raises(ValueError, match="expected a mask of 5x7"):
        masklet.add(FrameMask.given(0, np.ones((7, 5))))
    with pytest.raises(ValueError, match="5x7 and 7x5"):
        masklet.union(Masklet(2, 7, 5))


def test_prompts_are_copied() -> None:
    prompt: dict[str, Any] = {"frame": 0}
    masklet = Masklet(1, 5, 7, prompts=[prompt])
    prompt["frame"] = 9
    assert masklet.prompts == ({"frame": 0},)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame": -1}, "count from 0"),
        ({"score": math.nan}, "finite"),
        ({"iou": 1.01}, r"0\.\.1"),
        ({"iou": math.nan}, r"0\.\.1"),
    ],
)
def test_frame_mask_refuses(change: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {"frame": 0, "rle": Rle.empty(2, 2), "score": 0.0, "iou": 0.5, "visible": False}
    FrameMask(**fields)
    with pytest.raises(ValueError, match=message):
        FrameMask(**fields | change)


def test_constructor_refuses() -> None:
    with pytest.raises(ValueError, match="object id"):
        Masklet(-1, 5, 7)
    with pytest.raises(ValueError, match="1x1"):
        Masklet(1, 0, 7)
    with pytest.raises(ValueError, match="at least one"):
        Masklet.from_masks(1, {})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["object_id"], "1", "expected object_id as int"),
        (["object_id"], True, "expected object_id as int"),
        (["height"], 6, "cover 35 pixels, expected 42"),
        (["name"], 5, "expected name as str or NoneType"),
        (["extra"], 5, "unknown keys"),
        (["frames", 0, "score"], "high", "expected score"),
        (["frames", 0, "visible"], 1, "expected visible as bool"),
        (["frames", 0, "counts"], "1", "cover"),
        (["frames", 1, "frame"], 0, "already has a mask"),
        (["frames", 0], None, "is a JSON object"),
        (["prompts", 0], 3, "a prompt is a JSON object"),
    ],
)
def test_from_json_refuses(path: list[Any], value: object, message: str) -> None:
    masklet = Masklet.from_masks(1, {0: square(0, 0), 1: square(1, 1)})
    obj = copy.deepcopy(masklet.to_json()) | {"prompts": [{}]}
    place: Any = obj
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        Masklet.from_json(obj)
