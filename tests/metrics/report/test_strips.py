from __future__ import annotations

import numpy as np
import pytest

from masklet.metrics.report.strips import (
    MISSING,
    TOO_MUCH,
    WorstFrame,
    error_map,
    frame_values,
    strip,
    view_of,
    worst_frames,
)
from masklet.metrics.results import Score


def mask(height: int, width: int, *box: int) -> np.ndarray:
    found = np.zeros((height, width), bool)
    x0, y0, x1, y1 = box
    found[y0:y1, x0:x1] = True
    return found


def worst(sequence: str, frame: int, value: float) -> WorstFrame:
    return WorstFrame(predictor="p", setting="s", sequence=sequence, object_id=1, frame=frame, value=value)


def nearest(colour: np.ndarray) -> str:
    """Which of the colours of an error map that is."""
    known = {"missing": MISSING, "too much": TOO_MUCH, "right": (150, 150, 150), "ground": (50, 50, 50)}
    return min(known, key=lambda name: float(np.abs(colour.astype(float) - known[name]).sum()))


def test_errors_have_their_colours():
    picture = np.full((10, 20, 3), 60, np.uint8)
    found = error_map(picture, mask(10, 20, 0, 0, 10, 10), mask(10, 20, 5, 0, 15, 10))
    assert [nearest(found[5, x]) for x in (2, 7, 12, 18)] == ["missing", "right", "too much", "ground"]
    assert np.ptp(found[5, 18]) == 0  # what is in no mask is grey


def test_masks_of_another_size_are_an_error():
    with pytest.raises(ValueError, match=r"\(10, 20\).*\(10, 19\)"):
        error_map(np.zeros((10, 20, 3), np.uint8), mask(10, 20, 0, 0, 1, 1), mask(10, 19, 0, 0, 1, 1))


@pytest.mark.parametrize(("height", "width", "wide"), [(120, 160, True), (160, 120, False)])
def test_a_strip_has_four_fields(height: int, width: int, wide: bool):
    picture = np.zeros((height, width, 3), np.uint8)
    truth, predicted = mask(height, width, 10, 10, 50, 50), mask(height, width, 30, 10, 70, 50)
    sheet = strip(picture, truth, predicted)
    assert sheet.dtype == np.uint8
    assert sheet.shape == ((484, 644, 3) if wide else (320, 972, 3))
    rows, columns = (2, 2) if wide else (1, 4)
    error = sheet[-sheet.shape[0] // rows :, -sheet.shape[1] // columns :]
    seen = {nearest(colour) for colour in error.reshape(-1, 3)[::7]}
    assert {"missing", "too much", "right"} <= seen
    plain = sheet[: sheet.shape[0] // rows - 2, : sheet.shape[1] // columns - 4]
    assert nearest(plain[plain.shape[0] // 2, plain.shape[1] // 2]) == "ground"


def test_small_objects_are_looked_at_from_near():
    x0, y0, x1, y1 = view_of(mask(100, 200, 10, 20, 30, 40))
    assert (x1 - x0, y1 - y0) == (60, 30)
    assert (x0 <= 10, x1 >= 30, y0 <= 20, y1 >= 40) == (True, True, True, True)


@pytest.mark.parametrize("found", [mask(100, 200, 0, 0, 0, 0), mask(100, 200, 5, 5, 190, 90)])
def test_nothing_or_much_is_looked_at_as_a_whole(found: np.ndarray):
    assert view_of(found) == (0, 0, 200, 100)


def test_the_view_stays_inside_of_the_picture():
    assert view_of(mask(100, 200, 195, 0, 200, 5)) == (140, 0, 200, 30)


def test_worst_frames_are_spread_over_sequences_and_time():
    bad = [worst("a", frame, 0.01 * frame) for frame in range(30)]
    good = [worst("b", frame, 0.5 + 0.01 * frame) for frame in range(30)]
    found = worst_frames([*good, *bad], 4, apart=10)
    assert [(frame.sequence, frame.frame) for frame in found] == [("a", 0), ("b", 0), ("a", 10), ("b", 10)]


def test_as_many_worst_frames_as_there_are():
    assert [frame.sequence for frame in worst_frames([worst("a", 0, 0.5), worst("b", 3, 0.1)], 12)] == ["b", "a"]
    assert worst_frames([], 12) == []


def test_frames_are_judged_by_the_mean_of_j_and_f():
    def score(frame: int | None, metric: str, value: float) -> Score:
        return Score(predictor="p", setting="s", sequence="v", object_id=1, frame=frame, metric=metric, value=value)

    rows = [score(1, "J", 0.2), score(1, "F", 0.6), score(2, "iou", 0.7), score(2, "visible", 0), score(None, "J", 0)]
    assert [(found.frame, found.value) for found in frame_values(rows)] == [(1, pytest.approx(0.4)), (2, 0.7)]
