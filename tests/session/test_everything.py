from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from masklet.masks.boxes import box_iou, is_near_crop_edge
from masklet.masks.components import label_components, small_components
from masklet.masks.rle import Rle
from masklet.model.configs import NANO
from masklet.model.sam2 import Sam2
from masklet.session import everything as room
from masklet.session.everything import EverythingOptions, Segment, crop_boxes, everything
from masklet.session.image import ImagePredictor

HEIGHT, WIDTH = 90, 140
KEEP_ALL: dict[str, Any] = {"pred_iou_thresh": 0, "stability_score_thresh": 0}


@pytest.fixture(scope="module")
def model() -> Sam2:
    torch.manual_seed(2)
    return Sam2(NANO.at(128)).eval()


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    coarse = np.random.default_rng(4).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    return coarse.repeat(10, axis=0).repeat(10, axis=1)


def inclusive_boxes(segments: list[Segment]) -> np.ndarray:
    return np.array([s.rle.bbox for s in segments], np.float32) - np.array([0, 0, 1, 1], np.float32)


def test_the_defaults_are_the_published_ones():
    options = EverythingOptions()
    assert (options.points_per_side, options.points_per_batch) == (32, 64)
    assert (options.pred_iou_thresh, options.stability_score_thresh, options.stability_score_offset) == (0.8, 0.95, 1.0)
    assert (options.box_nms_thresh, options.crop_nms_thresh, options.crop_n_layers) == (0.7, 0.7, 0)
    assert options.crop_overlap_ratio == 512 / 1500
    assert options.min_mask_region_area == 0
    assert options.multimask_output
    assert not options.use_m2m


def test_the_grid_is_cell_centres_row_by_row():
    grid = EverythingOptions(points_per_side=2).grid(0)
    np.testing.assert_allclose(grid, [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]])
    options = EverythingOptions(points_per_side=9, crop_n_layers=2, crop_n_points_downscale_factor=2)
    assert [len(options.grid(layer)) for layer in range(3)] == [81, 16, 4]


def test_crops_cover_the_picture_and_overlap():
    crops = list(crop_boxes(900, 1400, 2, 512 / 1500))
    assert [layer for layer, _ in crops] == [0] + [1] * 4 + [2] * 16
    assert crops[0] == (0, (0, 0, 1400, 900))
    # short side 900: overlap int(900 * 512 / 1500) = 307 in layer 1; crops of ceil((307 + length) / 2)
    assert crops[1] == (1, (0, 0, 854, 604))
    assert crops[2] == (1, (0, 297, 854, 900))
    assert crops[3] == (1, (547, 0, 1400, 604))
    for layer in (1, 2):
        covered = np.zeros((900, 1400), int)
        for number, (x0, y0, x1, y1) in crops:
            if number == layer:
                covered[y0:y1, x0:x1] += 1
        assert covered.min() >= 1
        assert covered.max() >= 4


def test_segments_are_what_the_predictor_says_of_the_grid(model: Sam2, picture: np.ndarray):
    options = EverythingOptions(points_per_side=3, box_nms_thresh=1, **KEEP_ALL)
    found = everything(model, picture, options)
    predictor = ImagePredictor(model)
    predictor.set_image(picture)
    clicks = options.grid(0) * [WIDTH, HEIGHT]
    expected = [
        (tuple(click), Rle.encode(mask), iou, steady)
        for click, prediction in zip(clicks.tolist(), predictor.predict_many(points=clicks[:, None]), strict=True)
        for mask, iou, steady in zip(prediction.masks, prediction.iou, prediction.stability, strict=True)
    ]
    assert len(found) >= 3
    for segment in found:
        assert segment.crop == (0, 0, WIDTH, HEIGHT)
        assert any(
            (point, rle) == (segment.point, segment.rle)
            and (iou, steady) == pytest.approx((segment.iou, segment.stability), abs=1e-5)
            for point, rle, iou, steady in expected
        )
    assert [s.iou for s in found] == sorted((s.iou for s in found), reverse=True)


def test_batches_and_chunks_change_nothing(model: Sam2, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    options: dict[str, Any] = {"points_per_side": 4, **KEEP_ALL}
    whole = everything(model, picture, EverythingOptions(points_per_batch=64, **options))
    monkeypatch.setattr(room, "_PIXELS_AT_ONCE", 1)
    parts = everything(model, picture, EverythingOptions(points_per_batch=3, **options))
    assert [(s.point, s.rle) for s in whole] == [(s.point, s.rle) for s in parts]


def test_the_predictor_offers_it_without_a_second_look(model: Sam2, picture: np.ndarray):
    predictor = ImagePredictor(model)
    predictor.set_image([np.zeros_like(picture), picture])
    options = EverythingOptions(points_per_side=2, **KEEP_ALL)
    found = predictor.everything(options, image_index=1)
    assert [s.point for s in found] == [s.point for s in everything(model, picture, options)]


def test_thresholds_drop_what_is_below(model: Sam2, picture: np.ndarray):
    options: dict[str, Any] = {"points_per_side": 4, "box_nms_thresh": 1}
    found = everything(model, picture, EverythingOptions(**options, **KEEP_ALL))
    iou = float(np.median([s.iou for s in found]))
    steady = float(np.median([s.stability for s in found]))
    kept = everything(model, picture, EverythingOptions(**options, pred_iou_thresh=iou, stability_score_thresh=0))
    assert {s.point for s in kept} <= {s.point for s in found}
    assert 0 < len(kept) < len(found)
    assert all(s.iou >= iou for s in kept)
    kept = everything(model, picture, EverythingOptions(**options, pred_iou_thresh=0, stability_score_thresh=steady))
    assert 0 < len(kept) <= len(found)
    assert all(s.stability >= np.float32(steady) for s in kept)


def test_duplicates_go(model: Sam2, picture: np.ndarray):
    found = everything(model, picture, EverythingOptions(points_per_side=5, box_nms_thresh=0.5, **KEEP_ALL))
    overlaps = box_iou(inclusive_boxes(found), inclusive_boxes(found))
    np.fill_diagonal(overlaps, 0)
    assert overlaps.max() <= 0.5 + 1e-6


def test_crops_keep_to_themselves_and_the_smaller_wins(model: Sam2, picture: np.ndarray):
    big = picture.repeat(3, axis=0).repeat(3, axis=1)
    options = EverythingOptions(points_per_side=4, crop_n_layers=1, crop_n_points_downscale_factor=2, **KEEP_ALL)
    found = everything(model, big, options)
    areas = [(s.crop[2] - s.crop[0]) * (s.crop[3] - s.crop[1]) for s in found]
    assert areas == sorted(areas)
    for segment in found:
        x0, y0, x1, y1 = segment.crop
        mask = segment.rle.decode()
        assert mask.shape == big.shape[:2]
        mask[y0:y1, x0:x1] = False
        assert not mask.any()
        assert x0 <= segment.point[0] <= x1
        assert y0 <= segment.point[1] <= y1
        near = is_near_crop_edge(inclusive_boxes([segment]), segment.crop, (0, 0, big.shape[1], big.shape[0]))
        assert not near.any()


def test_one_refinement_gives_the_mask_back_to_the_model(model: Sam2, picture: np.ndarray):
    options = EverythingOptions(points_per_side=1, multimask_output=False, use_m2m=True, **KEEP_ALL)
    [segment] = everything(model, picture, options)
    predictor = ImagePredictor(model)
    predictor.set_image(picture)
    click = [[WIDTH / 2, HEIGHT / 2]]
    first = predictor.predict(points=click, multimask=False)
    second = predictor.predict(points=click, previous=first.low_res[0], multimask=False)
    assert segment.rle == Rle.encode(second.masks[0])
    assert segment.iou == pytest.approx(second.iou[0], abs=1e-5)


def test_small_regions_are_mended_and_duplicates_of_them_removed():
    clean = np.zeros((40, 40), bool)
    clean[5:25, 5:25] = True
    spotted = clean.copy()
    spotted[10, 10] = False
    island = clean.copy()
    island[35, 35] = True
    far = np.zeros((40, 40), bool)
    far[30:34, 2:6] = True
    whole = (0, 0, 40, 40)
    found = [Segment(Rle.encode(mask), 0.9, 0.9, (7.0, 7.0), whole) for mask in (spotted, island, clean, far)]
    mended = room._mended(found, 5, 0.7)
    assert [s.rle for s in mended] == [Rle.encode(clean), Rle.encode(far)]
    assert room._mended([], 5, 0.7) == []


def test_mending_through_the_options(model: Sam2, picture: np.ndarray):
    found = everything(model, picture, EverythingOptions(points_per_side=3, min_mask_region_area=50, **KEEP_ALL))
    assert found
    for segment in found:
        mask = segment.rle.decode()
        assert not small_components(~mask, 49).any()
        assert not small_components(mask, 49).any() or len(label_components(mask)[1]) == 2


def test_own_grids(model: Sam2, picture: np.ndarray):
    grid = np.array([[0.5, 0.5], [0.0, 1.0]])
    options = EverythingOptions(points_per_side=None, point_grids=[grid], box_nms_thresh=1, **KEEP_ALL)
    points = {s.point for s in everything(model, picture, options)}
    assert points <= {(WIDTH / 2, HEIGHT / 2), (0.0, float(HEIGHT))}
    assert points


def test_nothing_good_is_an_empty_list(model: Sam2, picture: np.ndarray):
    assert everything(model, picture, EverythingOptions(points_per_side=2, pred_iou_thresh=1)) == []
    assert everything(model, picture, EverythingOptions(points_per_side=2, crop_n_layers=1, pred_iou_thresh=1)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points_per_side": None}, "exactly one"),
        ({"point_grids": [np.zeros((1, 2))]}, "exactly one"),
        ({"points_per_side": 0}, "points_per_side"),
        ({"points_per_batch": 0}, "points_per_batch"),
        ({"pred_iou_thresh": 1.1}, "pred_iou_thresh"),
        ({"stability_score_thresh": float("nan")}, "stability_score_thresh"),
        ({"crop_overlap_ratio": 1.0}, "crop_overlap_ratio"),
        ({"crop_n_layers": -1}, "crop_n_layers"),
        ({"points_per_side": 3, "crop_n_layers": 2, "crop_n_points_downscale_factor": 2}, "no points are left"),
        ({"points_per_side": None, "point_grids": [np.zeros((3, 3))]}, r"\[N, 2\]"),
        ({"points_per_side": None, "point_grids": [np.full((1, 2), 1.5)]}, r"0\.\.1"),
        ({"points_per_side": None, "point_grids": [np.zeros((1, 2))], "crop_n_layers": 1}, "2 point grids"),
    ],
)
def test_wrong_options_are_refused(options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        EverythingOptions(**options)


def test_a_wrong_picture_is_refused(model: Sam2):
    with pytest.raises(ValueError, match="uint8"):
        everything(model, np.zeros((4, 4, 3)))  # pyright: ignore[reportArgumentType]
