"""Average recall against COCO's own evaluation."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from masklet.masks.rle import Rle
from masklet.metrics.recall import SIZES, object_recall, of_size, rle_iou

SIDE = 160


def _rectangles(random: np.random.Generator, count: int) -> list[Rle]:
    masks = []
    for _ in range(count):
        low, size = random.integers(0, 60, 2), random.integers(4, 100, 2)
        mask = np.zeros((SIDE, SIDE), bool)
        mask[low[0] : low[0] + size[0], low[1] : low[1] + size[1]] = True
        masks.append(Rle.encode(mask))
    return masks


def _shifted(rle: Rle, by: int) -> Rle:
    return Rle.encode(np.roll(rle.decode(), by, axis=1))


def _coco(truth: list[Rle], proposals: list[Rle], limit: int) -> dict[str, float]:
    """AR of all sizes and of each, by pycocotools."""
    reference: Any = COCO()
    reference.dataset = {
        "info": {},
        "images": [{"id": 1, "height": SIDE, "width": SIDE}],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": [
            {
                "id": index,
                "image_id": 1,
                "category_id": 1,
                "segmentation": rle.to_coco(),
                "area": rle.area,
                "bbox": [0, 0, 1, 1],
                "iscrowd": 0,
            }
            for index, rle in enumerate(truth, 1)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        reference.createIndex()
        found = reference.loadRes(
            [
                {"image_id": 1, "category_id": 1, "segmentation": rle.to_coco(), "score": 1 - index / 1000}
                for index, rle in enumerate(proposals)
            ]
        )
        judge = COCOeval(reference, found, "segm")
        judge.params.useCats = 0
        judge.params.maxDets = [limit]
        judge.evaluate()
        judge.accumulate()
    recall = judge.eval["recall"][:, 0, :, 0].mean(axis=0)  # [areas]
    return dict(zip(("all", *SIZES), recall.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_recall_is_that_of_coco(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = _rectangles(random, 9)
    proposals = [*_rectangles(random, 12), *(_shifted(rle, int(random.integers(0, 9))) for rle in [*truth, *truth])]
    random.shuffle(proposals)
    expected = _coco(truth, proposals, len(proposals))
    ious = rle_iou(proposals, truth)
    assert object_recall(ious).mean() == pytest.approx(expected["all"], abs=1e-12)
    areas = np.array([rle.area for rle in truth])
    for size in SIZES:
        counted = of_size(areas, size)
        if counted.any():
            assert object_recall(ious, counted)[counted].mean() == pytest.approx(expected[size], abs=1e-12)


def test_a_proposal_finds_one_object_only() -> None:
    mask = _rectangles(np.random.default_rng(0), 1)[0]
    assert sorted(object_recall(rle_iou([mask], [mask, mask])).tolist()) == [0.0, 1.0]


def test_nothing_is_found_without_proposals() -> None:
    truth = _rectangles(np.random.default_rng(0), 3)
    assert object_recall(rle_iou([], truth)).tolist() == [0.0, 0.0, 0.0]


def test_sizes_share_their_ends() -> None:
    areas = np.array([1, 1024, 1025, 9216, 9217])
    assert of_size(areas, "small").tolist() == [True, True, False, False, False]
    assert of_size(areas, "medium").tolist() == [False, True, True, True, False]
    assert of_size(areas, "large").tolist() == [False, False, False, True, True]
