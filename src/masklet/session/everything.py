"""Everything in a picture: prompts on a grid, kept where the mask is good, stable and new.

The steps and defaults are those of the published automatic mask generator: a grid of clicks on the picture and, if
wanted, on overlapping crops of it; filters by estimated IoU and by stability; duplicates removed within each crop and
then between crops, where the smaller crop wins.

Legend: N clicks, M masks, H W picture, S side of the model's image, h w = S / 16.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from masklet.masks.boxes import is_near_crop_edge, mask_to_box
from masklet.masks.components import small_region_cleanup
from masklet.masks.nms import nms
from masklet.masks.rle import Bbox, Rle
from masklet.model.prompt_encoder import POSITIVE, Points
from masklet.model.sam2 import Sam2
from masklet.session.prepare import check_picture
from masklet.session.prompts import Coordinates, to_model
from masklet.session.selection import stability, take_single
from masklet.session.still import CLAMP, Selector, Still, decode, encode, resize

_PIXELS_AT_ONCE = 1 << 24
"""Masks are enlarged a few at a time, so that memory does not grow with points_per_batch times the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EverythingOptions:
    """Options of the published generator, with its defaults.

    Attributes
    ----------
    points_per_side
        Clicks along each side of the picture's grid. None: `point_grids` gives them.
    points_per_batch
        Clicks decoded at once; bounds memory, not the result.
    pred_iou_thresh, stability_score_thresh
        Masks with a lower estimated IoU (0..1) or stability (0..1) are dropped; 0 drops none.
    stability_score_offset
        Distance from the threshold, in logits, at which stability is measured.
    mask_threshold
        Logit above which a pixel belongs to a mask.
    box_nms_thresh, crop_nms_thresh
        Of masks whose boxes overlap with a greater IoU, one stays: within a crop the better, between crops the one
        of the smaller crop.
    crop_n_layers
        Layer i looks at 4**i crops of the picture besides the whole.
    crop_overlap_ratio
        Overlap of the crops of the first layer as a fraction of the picture's shorter side; halved with each layer.
    crop_n_points_downscale_factor
        Layer i has `points_per_side` divided by this factor to the power of i.
    point_grids
        One array [N, 2] of clicks x, y in 0..1 for each layer, the whole picture first; excludes `points_per_side`.
    min_mask_region_area
        Holes and islands of fewer pixels are mended at the end, and duplicates that arise are removed.
    use_m2m
        Refines each mask once by giving it back to the model as a prompt.
    multimask_output
        Three candidates a click, or one mask.
    """

    points_per_side: int | None = 32
    points_per_batch: int = 64
    pred_iou_thresh: float = 0.8
    stability_score_thresh: float = 0.95
    stability_score_offset: float = 1.0
    mask_threshold: float = 0.0
    box_nms_thresh: float = 0.7
    crop_n_layers: int = 0
    crop_nms_thresh: float = 0.7
    crop_overlap_ratio: float = 512 / 1500
    crop_n_points_downscale_factor: int = 1
    point_grids: Sequence[NDArray[np.floating[Any]]] | None = None
    min_mask_region_area: float = 0
    use_m2m: bool = False
    multimask_output: bool = True

    def __post_init__(self) -> None:
        if (self.points_per_side is None) == (self.point_grids is None):
            raise ValueError("expected exactly one of points_per_side and point_grids")
        for name in ("points_per_side", "points_per_batch", "crop_n_points_downscale_factor"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is at least 1, got {value}")
        for name in ("pred_iou_thresh", "stability_score_thresh", "box_nms_thresh", "crop_nms_thresh"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} lies in 0..1, got {getattr(self, name)}")
        if not 0 <= self.crop_overlap_ratio < 1:
            raise ValueError(f"crop_overlap_ratio lies in 0..1, 1 excluded, got {self.crop_overlap_ratio}")
        for name in ("crop_n_layers", "min_mask_region_area", "stability_score_offset"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is not negative, got {getattr(self, name)}")
        if self.point_grids is not None:
            _check_grids(self.point_grids, self.crop_n_layers + 1)
        elif len(self.grid(self.crop_n_layers)) == 0:
            raise ValueError(
                f"no points are left in crop layer {self.crop_n_layers}: points_per_side {self.points_per_side}, "
                f"crop_n_points_downscale_factor {self.crop_n_points_downscale_factor}"
            )

    def grid(self, layer: int) -> NDArray[np.float64]:
        """The clicks [N, 2] of a crop layer, x, y in 0..1 of the crop; row by row, cell centres."""
        if self.point_grids is not None:
            return np.asarray(self.point_grids[layer], np.float64)
        assert self.points_per_side is not None
        side = int(self.points_per_side / self.crop_n_points_downscale_factor**layer)
        if side == 0:
            return np.empty((0, 2))
        centres = np.linspace(1 / (2 * side), 1 - 1 / (2 * side), side)
        x, y = np.meshgrid(centres, centres)
        return np.stack((x, y), axis=-1).reshape(-1, 2)


def _check_grids(grids: Sequence[NDArray[np.floating[Any]]], layers: int) -> None:
    if len(grids) < layers:
        raise ValueError(f"expected {layers} point grids, one for each crop layer, got {len(grids)}")
    for grid in grids:
        if grid.ndim != 2 or grid.shape[1] != 2 or not ((grid >= 0) & (grid <= 1)).all():
            raise ValueError(f"a point grid is an array [N, 2] of x, y in 0..1, got shape {list(grid.shape)}")


@dataclass(frozen=True, slots=True)
class Segment:
    """One thing that was found.

    Attributes
    ----------
    rle
        Its mask at the picture's size.
    iou
        The model's estimate of the mask's quality, 0..1.
    stability
        IoU of the mask at two thresholds, 0..1.
    point
        The click x, y in pixels that led to it.
    crop
        The crop x0, y0, x1, y1 in which it was found, the whole picture by default.
    """

    rle: Rle
    iou: float
    stability: float
    point: tuple[float, float]
    crop: Bbox


@torch.inference_mode()
def everything(
    model: Sam2,
    picture: NDArray[np.uint8],
    options: EverythingOptions | None = None,
    *,
    single: Selector = take_single,
    whole: Still | None = None,
) -> list[Segment]:
    """Segments all that is in a picture [H, W, 3] uint8 RGB, best first (with crops: smallest crop first).

    `single` chooses the mask where one a click is wanted; `whole` is the encoded picture, if there is one already.
    Raises ValueError for a picture of another kind.

    Example
    -------
    >>> from masklet.model.configs import NANO
    >>> model = Sam2(NANO.at(64)).eval()
    >>> everything(model, np.zeros((32, 32, 3), np.uint8), EverythingOptions(points_per_side=2, pred_iou_thresh=1.0))
    []
    """
    options = options or EverythingOptions()
    height, width = check_picture(picture).shape[:2]
    crops = list(crop_boxes(height, width, options.crop_n_layers, options.crop_overlap_ratio))
    found: list[Segment] = []
    for layer, crop in crops:
        x0, y0, x1, y1 = crop
        still = whole if whole is not None and layer == 0 else encode(model, [picture[y0:y1, x0:x1]])[0]
        found += _Crop(model, options, single, crop, (height, width)).segments(still, options.grid(layer))
    if len(crops) > 1:
        areas = np.array([(s.crop[2] - s.crop[0]) * (s.crop[3] - s.crop[1]) for s in found], np.float32)
        found = _without_duplicates(found, -areas, options.crop_nms_thresh)
    if options.min_mask_region_area > 0:
        found = _mended(found, options.min_mask_region_area, max(options.box_nms_thresh, options.crop_nms_thresh))
    return found


def crop_boxes(height: int, width: int, layers: int, overlap_ratio: float) -> Iterator[tuple[int, Bbox]]:
    """The picture itself as layer 0, then the overlapping crops of each layer; (layer, (x0, y0, x1, y1))."""
    yield 0, (0, 0, width, height)
    for layer in range(1, layers + 1):
        side = 2**layer
        overlap = int(overlap_ratio * min(height, width) * (2 / side))
        crop_width, crop_height = (math.ceil((overlap * (side - 1) + length) / side) for length in (width, height))
        for column, row in product(range(side), range(side)):
            x0, y0 = (crop_width - overlap) * column, (crop_height - overlap) * row
            yield layer, (x0, y0, min(x0 + crop_width, width), min(y0 + crop_height, height))


@dataclass(frozen=True, slots=True)
class _Masks:
    """M masks: low-resolution logits [M, 4h, 4w], estimated IoU [M] and the index of the click of each [M]."""

    logits: Tensor
    iou: Tensor
    click: Tensor

    def only(self, kept: Tensor) -> _Masks:
        return _Masks(self.logits[kept], self.iou[kept], self.click[kept])


@dataclass(frozen=True, slots=True)
class _Crop:
    """Finds what is in one crop of a picture of `size` (H, W)."""

    model: Sam2
    options: EverythingOptions
    single: Selector
    crop: Bbox
    size: tuple[int, int]

    def segments(self, still: Still, grid: NDArray[np.float64]) -> list[Segment]:
        clicks = grid * np.array([still.width, still.height], np.float64)
        found: list[Segment] = []
        for start in range(0, len(clicks), self.options.points_per_batch):
            found += self._batch(still, clicks[start : start + self.options.points_per_batch])
        scores = np.array([segment.iou for segment in found], np.float32)
        return _without_duplicates(found, scores, self.options.box_nms_thresh)

    def _batch(self, still: Still, clicks: NDArray[np.float64]) -> list[Segment]:
        options = self.options
        coordinates = to_model(clicks.astype(np.float32), still.height, still.width, self.model.config.image_size)
        masks = self._decode(still, coordinates, None, multimask=options.multimask_output)
        if options.use_m2m:
            masks = self._refine(still, coordinates, masks)
        if options.pred_iou_thresh > 0:
            masks = masks.only(masks.iou > options.pred_iou_thresh)
        found: list[Segment] = []
        step = max(1, _PIXELS_AT_ONCE // (still.height * still.width))
        for start in range(0, len(masks.iou), step):
            some = masks.only(torch.arange(start, min(start + step, len(masks.iou)), device=masks.iou.device))
            full = resize(some.logits[:, None], still.height, still.width)[:, 0]  # [m, H, W] of the crop
            steady = stability(full, options.mask_threshold, options.stability_score_offset)
            for index in torch.nonzero(steady >= options.stability_score_thresh).flatten().cpu().numpy():
                mask = (full[index] > options.mask_threshold).cpu().numpy()
                if self._is_whole(mask):
                    click = clicks[int(some.click[index])]
                    point = (float(click[0]) + self.crop[0], float(click[1]) + self.crop[1])
                    found.append(
                        Segment(self._placed(mask), float(some.iou[index]), float(steady[index]), point, self.crop)
                    )
        return found

    def _decode(self, still: Still, coordinates: Coordinates, masks: Tensor | None, *, multimask: bool) -> _Masks:
        """One click [2] in model pixels for each of N prompts, all positive."""
        device = self.model.device
        labels = torch.full((len(coordinates), 1), POSITIVE, dtype=torch.long, device=device)
        points = Points(torch.as_tensor(coordinates, device=device)[:, None], labels)
        found = decode(self.model, still, points, masks, multimask=multimask, single=self.single)
        click = torch.arange(len(coordinates), device=device).repeat_interleave(found.iou.shape[1])
        return _Masks(found.logits.flatten(0, 1), found.iou.flatten(), click)

    def _refine(self, still: Still, coordinates: Coordinates, masks: _Masks) -> _Masks:
        """Each mask once more, as a prompt beside its click."""
        clicks = masks.click.cpu().numpy()
        step = self.options.points_per_batch
        refined = [
            self._decode(
                still,
                coordinates[clicks[start : start + step]],
                masks.logits[start : start + step, None].clamp(-CLAMP, CLAMP),
                multimask=False,
            )
            for start in range(0, len(clicks), step)
        ]
        return _Masks(torch.cat([m.logits for m in refined]), torch.cat([m.iou for m in refined]), masks.click)

    def _is_whole(self, mask: NDArray[np.bool_]) -> bool:
        """False for an empty mask, and for one at an inner edge of the crop: that object goes on outside."""
        box = _inner_box(mask)
        if box is None:
            return False
        x0, y0 = self.crop[:2]
        placed = np.array([box], np.float32) + np.array([x0, y0, x0, y0], np.float32)
        return not is_near_crop_edge(placed, self.crop, (0, 0, self.size[1], self.size[0]))[0]

    def _placed(self, mask: NDArray[np.bool_]) -> Rle:
        if mask.shape == self.size:
            return Rle.encode(mask)
        x0, y0, x1, y1 = self.crop
        full = np.zeros(self.size, np.bool_)
        full[y0:y1, x0:x1] = mask
        return Rle.encode(full)


def _inner_box(mask: NDArray[np.bool_]) -> Bbox | None:
    """x0, y0, x1, y1 with inclusive ends, as the published generator compares boxes."""
    box = mask_to_box(mask)
    return None if box is None else (box[0], box[1], box[2] - 1, box[3] - 1)


def _without_duplicates(found: list[Segment], scores: NDArray[np.float32], threshold: float) -> list[Segment]:
    """The segments that remain of those with overlapping boxes, by descending score."""
    boxes = np.array([segment.rle.bbox for segment in found], np.float32).reshape(-1, 4)
    boxes[:, 2:] -= 1  # inclusive ends, as the published generator compares boxes
    return [found[index] for index in nms(boxes, scores, threshold)]


def _mended(found: list[Segment], area: float, threshold: float) -> list[Segment]:
    """Without small holes and islands; of the duplicates that arise, masks that needed no mending are preferred."""
    mended: list[Segment] = []
    untouched: list[bool] = []
    for segment in found:
        mask, filled = small_region_cleanup(segment.rle.decode(), area, "holes")
        mask, cleared = small_region_cleanup(mask, area, "islands")
        mended.append(replace(segment, rle=Rle.encode(mask)) if filled or cleared else segment)
        untouched.append(not (filled or cleared))
    return _without_duplicates(mended, np.array(untouched, np.float32), threshold)
