from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masklet.server.lanes import lane, presence, spans
from masklet.store import MaskEntry


def entry(score: float = 9.0, iou: float = 0.9, *, prompted: bool = False, edited: bool = False) -> MaskEntry:
    return MaskEntry(1, score, iou, score > 0, prompted, edited)


@pytest.mark.parametrize(
    ("score", "iou", "expected"),
    [
        (9, 0.9, "present"),
        (1, 0.7, "present"),
        (9, 0.69, "unsure"),
        (0.99, 0.9, "unsure"),
        (-0.99, 0.9, "unsure"),
        (-1, 0.9, "absent"),
        (-9, 0.1, "absent"),  # of a mask that is not there the predicted IoU says nothing
    ],
)
def test_presence(score: float, iou: float, expected: str) -> None:
    assert presence(entry(score, iou)) == expected


def test_a_lane_has_runs_of_equal_presence_without_gaps() -> None:
    masks = {
        7: entry(-9),
        0: entry(prompted=True),
        1: entry(),
        2: entry(iou=0.1),
        4: entry(edited=True),
        8: entry(-9),
    }
    prompts = {0: {"points": [[1.0, 2.0]], "labels": [1]}, 2: {"box": [0.0, 0.0, 3.0, 4.0]}, 4: {"drawn": True}}
    assert lane(masks, prompts) == {
        "prompted": [0],
        "edited": [4],
        "runs": [[0, 1, "present"], [2, 2, "unsure"], [4, 4, "present"], [7, 8, "absent"]],
        "prompts": {
            "0": {"points": [[1.0, 2.0]], "labels": [1], "box": None},
            "2": {"points": [], "labels": [], "box": [0.0, 0.0, 3.0, 4.0]},
        },
    }
    assert lane({}, {}) == {"prompted": [], "edited": [], "runs": [], "prompts": {}}


@given(st.sets(st.integers(0, 60)))
def test_spans_cover_exactly_their_frames(frames: set[int]) -> None:
    found = spans(list(frames))
    assert [frame for first, last in found for frame in range(first, last + 1)] == sorted(frames)
    assert all(b[0] > a[1] + 1 for a, b in pairwise(found))
