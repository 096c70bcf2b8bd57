"""Holes and islands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from masklet.masks.components import (
    fill_holes,
    label_components,
    remove_islands,
    small_components,
    small_region_cleanup,
)

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14))


def picture(*rows: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in rows])


def flood(mask: np.ndarray, max_area: int) -> np.ndarray:
    """Pixels of small 8-connected components, by plain flood filling."""
    result, seen = np.zeros_like(mask), np.zeros_like(mask)
    for start in zip(*np.nonzero(mask), strict=True):
        if seen[start]:
            continue
        seen[start] = True
        members, todo = [start], [start]
        while todo:
            y, x = todo.pop()
            for ny in range(max(y - 1, 0), min(y + 2, mask.shape[0])):
                for nx in range(max(x - 1, 0), min(x + 2, mask.shape[1])):
                    if mask[ny, nx] and not seen[ny, nx]:
                        seen[ny, nx] = True
                        members.append((ny, nx))
                        todo.append((ny, nx))
        if len(members) <= max_area:
            result[tuple(np.transpose(members))] = True
    return result


@given(MASKS, st.integers(0, 12))
def test_small_components_equals_flood_filling(mask: np.ndarray, max_area: int) -> None:
    np.testing.assert_array_equal(small_components(mask, max_area), flood(mask, max_area))


@given(MASKS, st.integers(0, 12))
def test_holes_are_islands_of_the_background(mask: np.ndarray, max_area: int) -> None:
    filled, changed = fill_holes(mask, max_area)
    cleared, cleared_changed = remove_islands(~mask, max_area)
    np.testing.assert_array_equal(filled, ~cleared)
    assert changed == cleared_changed == (filled != mask).any()


def test_connectivity() -> None:
    diagonal = picture("#..", ".#.", "...")
    assert label_components(diagonal, 8)[1].tolist() == [7, 2]
    assert label_components(diagonal, 4)[1].tolist() == [7, 1, 1]
    assert not small_components(diagonal, 1, 8).any()
    np.testing.assert_array_equal(small_components(diagonal, 1, 4), diagonal)


def test_bound_is_inclusive() -> None:
    ring = picture("####", "#..#", "####")
    assert fill_holes(ring, 1)[1] is False
    filled, changed = fill_holes(ring, 2)
    assert changed is True
    assert filled.all()


def test_published_cleanup_is_strict_and_keeps_the_largest() -> None:
    ring = picture("####", "#..#", "####")
    assert small_region_cleanup(ring, 2, "holes")[1] is False
    assert small_region_cleanup(ring, 3, "holes")[0].all()
    islands = picture("##..#", "##...", "....#")
    kept, changed = small_region_cleanup(islands, 100, "islands")
    assert changed is True
    np.testing.assert_array_equal(kept, picture("##...", "##...", "....."))
    np.testing.assert_array_equal(remove_islands(islands, 100)[0], np.zeros_like(islands))
    unchanged, changed = small_region_cleanup(islands, 1, "islands")
    assert changed is False
    np.testing.assert_array_equal(unchanged, islands)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
@pytest.mark.parametrize("value", [False, True])
def test_thin_and_uniform_masks(shape: tuple[int, int], value: bool) -> None:
    mask = np.full(shape, value)
    labels, areas = label_components(mask)
    assert labels.shape == shape
    assert areas.sum() == mask.size
    assert fill_holes(mask, 3)[0].shape == shape
    assert small_region_cleanup(mask, 5, "islands")[0].any() == value


def test_refuses() -> None:
    with pytest.raises(ValueError, match="connectivity"):
        label_components(np.ones((2, 2)), 6)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="mode"):
        small_region_cleanup(np.ones((2, 2)), 3, "hole")  # pyright: ignore[reportArgumentType]
