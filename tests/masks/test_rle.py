"""Run-length masks against pycocotools and plain NumPy."""

from __future__ import annotations

import numpy as np
import pycocotools.mask as coco_mask
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from masklet.masks.rle import Rle, as_mask, intersection, iou, union

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40))
PAIRS = hnp.array_shapes(min_dims=2, max_dims=2, max_side=24).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


def box_of(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@given(MASKS)
def test_encode_decode_round_trip_and_measures(mask: np.ndarray) -> None:
    rle = Rle.encode(mask)
    back = rle.decode()
    assert back.dtype == np.bool_
    assert back.flags.c_contiguous
    assert back.flags.writeable
    np.testing.assert_array_equal(back, mask)
    assert rle.area == mask.sum()
    assert bool(rle) == mask.any()
    assert rle.bbox == box_of(mask)


@given(MASKS)
def test_counts_are_those_of_pycocotools(mask: np.ndarray) -> None:
    theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    rle = Rle.encode(mask)
    assert rle.counts == theirs["counts"]
    assert rle.area == int(coco_mask.area(theirs))
    flat = mask.T.reshape(-1)
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate(([0], changes, [flat.size]))).tolist()
    runs = [0, *runs] if flat[0] else runs
    assert rle.runs().tolist() == runs
    assert Rle.from_coco({"size": list(mask.shape), "counts": runs}) == rle


@given(MASKS)
def test_coco_round_trip(mask: np.ndarray) -> None:
    rle = Rle.encode(mask)
    obj = rle.to_coco()
    assert isinstance(obj["counts"], str)
    assert Rle.from_coco(obj) == rle
    assert Rle.from_coco({"size": obj["size"], "counts": rle.counts}) == rle


@given(PAIRS)
def test_union_intersection_iou(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    coded = Rle.encode(a), Rle.encode(b)
    # Equality of the values, not of the decoded masks: the result is canonical.
    assert union(coded) == Rle.encode(a | b)
    assert intersection(coded) == Rle.encode(a & b)
    total = (a | b).sum()
    assert iou(*coded) == pytest.approx((a & b).sum() / total if total else 1.0)


@settings(max_examples=300)
@given(st.binary(max_size=12), st.integers(1, 9), st.integers(1, 9))
def test_any_bytes_are_a_mask_or_a_value_error(counts: bytes, height: int, width: int) -> None:
    try:
        rle = Rle(height, width, counts)
    except ValueError:
        return
    assert rle.decode().shape == (height, width)
    assert rle.area == rle.decode().sum()


def test_large_mask() -> None:
    mask = np.zeros((2160, 3840), bool)
    mask[100:2000, 50:3800] = True
    rle = Rle.encode(mask)
    assert rle.area == 1900 * 3750
    assert rle.bbox == (50, 100, 3800, 2000)
    np.testing.assert_array_equal(rle.decode(), mask)


def test_from_coco_makes_odd_spellings_canonical() -> None:
    plain = Rle.from_coco({"size": [2, 3], "counts": [1, 2, 3]})
    assert Rle.from_coco({"size": [2, 3], "counts": [1, 1, 0, 1, 3, 0]}) == plain
    # 'Q0' spells 1 with a needless second character.
    assert Rle.from_coco({"size": [2, 3], "counts": "Q0" + plain.counts.decode()[1:]}) == plain


def test_empty() -> None:
    rle = Rle.empty(3, 5)
    assert rle == Rle.encode(np.zeros((3, 5)))
    assert (rle.area, rle.bbox, bool(rle)) == (0, None, False)


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ([1, 2], "is an object"),
        ({"size": [2, 2]}, "keys"),
        ({"size": [2, 2], "counts": "4", "extra": 1}, "keys"),
        ({"size": [2, 2, 1], "counts": "4"}, "height, width"),
        ({"size": [2, 2.0], "counts": "4"}, "height, width"),
        ({"size": [2, True], "counts": "4"}, "height, width"),
        ({"size": [0, 2], "counts": "0"}, "1x1"),
        ({"size": [2, 2], "counts": "5"}, "cover 5 pixels, expected 4"),
        ({"size": [2, 2], "counts": ""}, "empty"),
        ({"size": [2, 2], "counts": "é"}, "ASCII"),
        ({"size": [2, 2], "counts": "T"}, "break off"),
        ({"size": [2, 2], "counts": [1, -1, 4]}, "not negative"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, "whole numbers"),
        ({"size": [2, 2], "counts": [[0, 0, 1, 0, 1, 1]]}, "whole numbers"),
        ({"size": [2, 2], "counts": None}, "NoneType"),
    ],
)
def test_from_coco_refuses(obj: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Rle.from_coco(obj)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((1, 2, 2)), r"\(1, 2, 2\)"),
        (np.zeros((0, 4)), r"\(0, 4\)"),
        (np.full((2, 2), 255, np.uint8), "value 255"),
        (np.full((2, 2), np.nan), "value nan"),
        (np.full((2, 2), "x"), "type"),
    ],
)
def test_as_mask_refuses(mask: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_mask(mask)


def test_masks_of_different_size_do_not_mix() -> None:
    with pytest.raises(ValueError, match="2x3, 3x2"):
        union([Rle.empty(3, 2), Rle.empty(2, 3)])
    with pytest.raises(ValueError, match="at least one"):
        intersection([])


def test_input_is_never_aliased() -> None:
    rle = Rle.encode(np.ones((2, 2)))
    rle.decode()[:] = False
    assert rle.area == 4
