"""The published package's automatic mask generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from masklet.compat.sam2.base import SAM2Base, wrapped
from masklet.masks.rle import Rle
from masklet.model.sam2 import Sam2
from masklet.session.everything import EverythingOptions, Segment, everything

OUTPUT_MODES = ("binary_mask", "uncompressed_rle", "coco_rle")


class SAM2AutomaticMaskGenerator:
    """`generate` finds everything in a picture: an adapter over `masklet.session.everything`.

    The options are those of `EverythingOptions`. `min_mask_region_area` does what the published documentation says of
    it, in pixels of the picture; the published code mends low-resolution masks instead, on CUDA only.
    """

    def __init__(
        self,
        model: SAM2Base | Sam2,
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.8,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        mask_threshold: float = 0.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[NDArray[np.floating[Any]]] | None = None,
        min_mask_region_area: int = 0,
        output_mode: str = "binary_mask",
        use_m2m: bool = False,
        multimask_output: bool = True,
    ) -> None:
        if output_mode not in OUTPUT_MODES:
            raise ValueError(f"output_mode is one of {', '.join(OUTPUT_MODES)}, got {output_mode!r}")
        self.model = wrapped(model)
        self.output_mode = output_mode
        self.options = EverythingOptions(
            points_per_side=points_per_side,
            points_per_batch=points_per_batch,
            pred_iou_thresh=pred_iou_thresh,
            stability_score_thresh=stability_score_thresh,
            stability_score_offset=stability_score_offset,
            mask_threshold=mask_threshold,
            box_nms_thresh=box_nms_thresh,
            crop_n_layers=crop_n_layers,
            crop_nms_thresh=crop_nms_thresh,
            crop_overlap_ratio=crop_overlap_ratio,
            crop_n_points_downscale_factor=crop_n_points_downscale_factor,
            point_grids=point_grids,
            min_mask_region_area=min_mask_region_area,
            use_m2m=use_m2m,
            multimask_output=multimask_output,
        )

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: Any) -> Self:
        """A generator by hub name, or any name of `masklet models`; `kwargs` for the constructor and builder."""
        from masklet.compat.sam2.build_sam import build_sam2_hf

        builder = ("device", "mode", "hydra_overrides_extra", "apply_postprocessing", "reference_exact")
        model = build_sam2_hf(model_id, **{name: kwargs.pop(name) for name in builder if name in kwargs})
        return cls(model, **kwargs)

    def generate(self, image: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """One record for each mask found in an RGB picture [H, W, 3] uint8.

        Keys: `segmentation` ([H, W] bool, or run lengths as `output_mode` says), `area` (pixels), `bbox` and
        `crop_box` (x, y, width, height), `predicted_iou`, `stability_score`, `point_coords` ([[x, y]]). As published,
        a `bbox` ends at the last pixel: its width is one less than the number of columns.
        """
        found = everything(self.model.model, image, self.options, single=self.model.policy.single)
        return [self._record(segment) for segment in found]

    def _record(self, segment: Segment) -> dict[str, Any]:
        box = segment.rle.bbox
        assert box is not None  # everything() drops empty masks
        x0, y0, x1, y1 = segment.crop
        return {
            "segmentation": self._segmentation(segment.rle),
            "area": segment.rle.area,
            "bbox": [box[0], box[1], box[2] - 1 - box[0], box[3] - 1 - box[1]],
            "predicted_iou": segment.iou,
            "point_coords": [list(segment.point)],
            "stability_score": segment.stability,
            "crop_box": [x0, y0, x1 - x0, y1 - y0],
        }

    def _segmentation(self, rle: Rle) -> NDArray[np.bool_] | dict[str, Any]:
        if self.output_mode == "binary_mask":
            return rle.decode()
        if self.output_mode == "coco_rle":
            return dict(rle.to_coco())
        return {"size": [rle.height, rle.width], "counts": rle.runs().tolist()}
