"""Identity measures on small videos whose figures can be worked out by hand."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from masklet.data.sequences import Mask
from masklet.metrics.identity import Identity, identity

FRAMES = 10


def square(x: int) -> Mask:
    mask = np.zeros((20, 60), bool)
    mask[5:15, x : x + 10] = True
    return mask


EMPTY = np.zeros((20, 60), bool)
TRUTH = {1: square(5), 2: square(40)}
NEEDS_TRACKEVAL = pytest.mark.skipif("not __import__('importlib.util').util.find_spec('trackeval')")


@NEEDS_TRACKEVAL
def test_masks_that_agree_are_perfect_whatever_their_ids() -> None:
    renamed = {7: TRUTH[1], 3: TRUTH[2]}
    found = identity([(renamed, TRUTH)] * FRAMES)
    assert found == Identity(hota=1.0, detection=1.0, association=1.0, idf1=1.0, switches=0)


@NEEDS_TRACKEVAL
def test_objects_that_trade_places_halfway_switch_once_each() -> None:
    swapped = {1: TRUTH[2], 2: TRUTH[1]}
    found = identity([(TRUTH if frame < 5 else swapped, TRUTH) for frame in range(FRAMES)])
    assert found.switches == 2
    assert found.idf1 == pytest.approx(0.5)
    assert found.detection == 1
    # Each true identity shares 5 of its 10 frames with each predicted one: 5 / (10 + 10 - 5).
    assert found.association == pytest.approx(1 / 3)
    assert found.hota == pytest.approx(np.sqrt(1 / 3))


@NEEDS_TRACKEVAL
def test_likeness_is_the_iou_of_masks() -> None:
    shifted = {1: square(8)}  # IoU 70 / 130
    found = identity([(shifted, {1: TRUTH[1]})] * FRAMES)
    matched = sum(threshold <= 70 / 130 for threshold in np.arange(0.05, 0.99, 0.05)) / 19
    assert found.hota == pytest.approx(matched)
    assert found.idf1 == 1


@NEEDS_TRACKEVAL
def test_an_object_that_is_lost_is_missed_and_not_switched() -> None:
    lost = {1: TRUTH[1], 2: EMPTY}
    found = identity([(TRUTH if frame < 5 else lost, TRUTH) for frame in range(FRAMES)])
    assert found.switches == 0
    assert found.detection == pytest.approx(15 / 20)
    assert found.idf1 == pytest.approx(15 / (15 + 0.5 * 5))


@NEEDS_TRACKEVAL
def test_nothing_to_see_and_nothing_found() -> None:
    empty = {1: EMPTY}
    assert identity([(empty, empty)]) == Identity(hota=1.0, detection=1.0, association=1.0, idf1=1.0, switches=0)
    assert identity([(TRUTH, empty)]).hota == 0
    assert identity([(empty, TRUTH)]).idf1 == 0
    with pytest.raises(ValueError, match="at least one frame"):
        identity([])


@NEEDS_TRACKEVAL
def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        identity([({1: np.ones((4, 4), bool)}, {1: np.ones((4, 5), bool)})])


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackeval", None)
    with pytest.raises(ImportError, match=r"pip install 'masklet\[evaluate\]'"):
        identity([(TRUTH, TRUTH)])
