"""Simulated clicks and boxes: where they fall and what they say."""

from __future__ import annotations

import numpy as np
import pytest

from masklet.train.prompts import CELL, click_inside, corrections, depths, first_clicks, noisy_boxes


def disk() -> np.ndarray:
    rows, columns = np.indices((24, 24))
    return np.hypot(rows - 8, columns - 14) < 5


def cell_of(spot: np.ndarray) -> tuple[int, int]:
    column, row = ((spot + 0.5) // CELL).astype(int)
    return row, column


def test_first_clicks_lie_in_the_mask() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        coordinates, labels = first_clicks([rng], disk()[None])
        assert coordinates.shape == (1, 1, 2)
        assert labels.tolist() == [[1]]
        assert disk()[cell_of(coordinates[0, 0])]


def test_a_click_into_nothing_goes_to_the_middle() -> None:
    assert click_inside(np.random.default_rng(0), np.zeros((24, 20), bool)).tolist() == [40.0, 48.0]


def test_boxes_stay_within_their_noise() -> None:
    rng = np.random.default_rng(0)
    exact, labels = noisy_boxes([rng], disk()[None], noise=0.0)
    assert labels.tolist() == [[2, 3]]
    assert exact.tolist() == [[[40.0, 16.0], [76.0, 52.0]]]
    for _ in range(50):
        noisy, _ = noisy_boxes([rng], disk()[None])
        assert abs(noisy - exact).max() <= 0.1 * 36 + 1e-4


def test_corrections_point_at_errors() -> None:
    rng = np.random.default_rng(0)
    truth = disk()[None]
    missing, superfluous = np.zeros_like(truth), np.ones_like(truth)
    for _ in range(30):
        coordinates, labels = corrections([rng], truth, missing, from_truth=0.0)
        assert labels.item() == 1
        assert truth[0][cell_of(coordinates[0, 0])]
        coordinates, labels = corrections([rng], truth, superfluous, from_truth=0.0)
        assert labels.item() == 0
        assert not truth[0][cell_of(coordinates[0, 0])]


@pytest.mark.parametrize(("truth", "label"), [(disk(), 1), (np.zeros((24, 24), bool), 0)])
def test_a_perfect_mask_is_confirmed(truth: np.ndarray, label: int) -> None:
    _, labels = corrections([np.random.default_rng(0)], truth[None], truth[None])
    assert labels.item() == label


def test_depths_count_the_border_as_outside() -> None:
    assert depths(np.ones((3, 5), bool)).tolist() == [[1, 1, 1, 1, 1], [1, 2, 2, 2, 1], [1, 1, 1, 1, 1]]
    assert not depths(np.zeros((3, 5), bool)).any()


def test_a_deliberate_first_click_lies_deep_inside() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        coordinates, labels = first_clicks([rng], disk()[None], deliberate_share=1.0)
        assert labels.tolist() == [[1]]
        assert depths(disk())[cell_of(coordinates[0, 0])] >= 0.7 * depths(disk()).max()
    middle, _ = first_clicks([rng], np.zeros((1, 24, 20), bool), deliberate_share=1.0)
    assert middle[0, 0].tolist() == [40.0, 48.0]


@pytest.mark.parametrize("missing", [True, False])
def test_a_deliberate_correction_lies_deep_in_the_larger_error(missing: bool) -> None:
    rng = np.random.default_rng(0)
    ring = np.zeros((24, 24), bool)
    ring[[0, -1]] = ring[:, [0, -1]] = True  # of many cells, and one cell deep
    truth, found = (disk(), ring) if missing else (ring, disk())
    for _ in range(50):
        coordinates, labels = corrections([rng], truth[None], found[None], from_truth=1.0, deliberate_share=1.0)
        assert labels.item() == int(missing)
        assert depths(disk())[cell_of(coordinates[0, 0])] >= 0.7 * depths(disk()).max()
    hits = sum(
        bool(disk()[cell_of(corrections([rng], truth[None], found[None], 0.0, 0.5)[0][0, 0])]) for _ in range(300)
    )
    alone = disk().sum() / (disk() | ring).sum()
    assert hits / 300 == pytest.approx(0.5 + 0.5 * alone, abs=0.1)
