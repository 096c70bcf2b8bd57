"""`masklet everything`: all objects of a picture, without prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from masklet.cli.options import DeviceOption, DtypeOption, ModelOption, OutputOption

SEARCH_GROUP = Group("Search", sort_key=1)


def everything(
    image: Annotated[Path, Parameter(help="The picture.")],
    /,
    *,
    points_per_side: Annotated[
        int, Parameter(group=SEARCH_GROUP, help="The picture is asked at a grid of this many points squared.")
    ] = 32,
    min_iou: Annotated[
        float, Parameter(group=SEARCH_GROUP, help="Keep masks whose estimated IoU is at least this, 0..1.")
    ] = 0.8,
    min_stability: Annotated[
        float,
        Parameter(group=SEARCH_GROUP, help="Keep masks that change little with the threshold: at least this, 0..1."),
    ] = 0.95,
    crop_layers: Annotated[
        int, Parameter(group=SEARCH_GROUP, help="Look again at overlapping crops: 1 for 4 of them, 2 for 16 more.")
    ] = 0,
    min_area: Annotated[
        int,
        Parameter(group=SEARCH_GROUP, help="Fill holes and drop islands of fewer pixels; 0 leaves masks as they are."),
    ] = 0,
    model: ModelOption = "nano",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    output: OutputOption = Path("everything-output"),
) -> None:
    """Find all objects of a picture, without prompts.

    Written to the output folder: `overlay.png`, `labels.png` (a palette picture: 0 is background, the smallest object
    lies on top; 16-bit grey for more than 255 objects) and `result.json` with each mask as COCO run lengths, its box,
    area and scores, largest first.

    Examples of use:

        masklet everything photo.jpg
        masklet everything photo.jpg --points-per-side 16 --min-iou 0.7 -o out
    """
    from masklet.cli.stills import run_everything
    from masklet.session.everything import EverythingOptions

    options = EverythingOptions(
        points_per_side=points_per_side,
        pred_iou_thresh=min_iou,
        stability_score_thresh=min_stability,
        crop_n_layers=crop_layers,
        min_mask_region_area=min_area,
    )
    run_everything(image, options, model=model, device=device, dtype=dtype, folder=output)
