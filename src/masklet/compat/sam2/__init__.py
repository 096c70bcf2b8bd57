"""The interface of the published `sam2` package: same names, arguments, shapes and dtypes.

Where a program says `from sam2.build_sam import build_sam2`, it says `from masklet.compat.sam2.build_sam import
build_sam2` instead; all names are here too. What differs: `device=None` is the best device present, nothing is
compiled, and faults of the published code are mended unless a builder is told `reference_exact=True`.
"""

from __future__ import annotations

from masklet.compat.sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator
from masklet.compat.sam2.build_sam import (
    build_sam2,
    build_sam2_hf,
    build_sam2_video_predictor,
    build_sam2_video_predictor_hf,
)
from masklet.compat.sam2.sam2_image_predictor import SAM2ImagePredictor
from masklet.compat.sam2.sam2_video_predictor import SAM2VideoPredictor

__all__ = [
    "SAM2AutomaticMaskGenerator",
    "SAM2ImagePredictor",
    "SAM2VideoPredictor",
    "build_sam2",
    "build_sam2_hf",
    "build_sam2_video_predictor",
    "build_sam2_video_predictor_hf",
]
