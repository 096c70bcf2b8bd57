"""The bundled model: an EfficientNet-Lite0 encoder in SAM 2's architecture, trained on two CPU cores.

    masklet train nano DATA RUN --trunk efficientnet-lite0-57934424.pth

DATA holds the data sets of `STILL_SHARES` in `stills/` (COCO format) and clips in `clips/` (DAVIS format).
"""

from __future__ import annotations

from masklet.model.configs import NANO
from masklet.train.config import Level, Optimiser, Prompting, Recipe, Segment, Stage
from masklet.train.recipes.parts import STEADY_LOSS

# Whole things (people, animals, vehicles) are what gets tracked; regions and parts are seasoning.
STILL_SHARES = {
    "coco_instances": 5.0,
    "coco_person": 4.0,
    "coco_panoptic": 3.0,
    "bsds500": 1.5,
    "human_seg": 2.5,
    "clothing_ccp": 1.0,
    "pennfudan": 1.5,
    "feral_cats": 1.5,
    "camvid": 0.7,
}


PROMPTING = Prompting(
    mask_share=0.4,
    box_share=0.16,
    first_frames=(1, 2),
    corrections=(0, 5),
    corrected_share=0.3,
    corrected_clicks=(1, 2),
    disturbed_share=0.4,
    far_share=0.5,
)


def nano() -> Recipe:
    """Clicks on stills and clips to track, first at 256 px, then with more clips at the size that is shipped."""
    share = {"objects": 3, "still_objects": 4, "real_share": 0.4, "prompting": PROMPTING}
    return Recipe(
        name="nano",
        model=NANO,
        stages=(
            Stage(steps=1500, size=256, clip_share=0.45, clips=3, length=6, stills=10, **share),
            Stage(steps=1150, size=384, clip_share=0.65, clips=2, length=7, stills=6, **share),
        ),
        objective=Segment(losses=STEADY_LOSS),
        optimiser=Optimiser(
            rate=5e-4,
            trunk_rate=8e-5,
            layer_decay=1.0,
            weight_decay=0.02,
            betas=(0.9, 0.99),
            clip_norm=1.0,
            frozen=(r"encoder\.trunk\.stem\..*", r"encoder\.trunk\.stages\.[01]\..*"),
        ),
        schedule=Level(warm_up=100, cool_down=650),
        ema=0.998,
    )
