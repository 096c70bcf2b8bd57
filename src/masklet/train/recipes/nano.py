"""The bundled model: an EfficientNet-Lite0 encoder in SAM 2's architecture, trained on two CPU cores.

    python -m masklet.train.recipes.nano DATA RUN --trunk efficientnet-lite0-57934424.pth

DATA holds `stills/<source>/` (COCO format) and `clips/<name>/` (DAVIS format); RUN gets the checkpoint and the log
and is where an interrupted run goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import torch

from masklet.data.augment import STRONG
from masklet.data.samples import Sources
from masklet.data.sources import open_sources
from masklet.model.configs import NANO
from masklet.model.sam2 import Sam2
from masklet.train.config import Level, LossWeights, Optimiser, Prompting, Recipe, Segment, Stage
from masklet.train.initial import go_on_from, load_trunk, tie_memory
from masklet.train.loop import train

# Whole things (people, animals, vehicles) are what gets tracked; regions and parts are seasoning.
STILL_SHARES = {
    "coco_instances": 5.0,
    "coco_person": 4.0,
    "coco_panoptic": 1.5,
    "bsds500": 1.5,
    "human_seg": 2.5,
    "clothing_ccp": 1.0,
    "pennfudan": 1.5,
    "feral_cats": 1.5,
    "camvid": 0.7,
}


PROMPTING = Prompting(
    mask_share=0.6,
    box_share=0.14,
    first_frames=(1, 1),
    corrections=(0, 2),
    corrected_share=0.25,
    corrected_clicks=(1, 1),
    disturbed_share=0.4,
    far_share=0.5,
)


def nano() -> Recipe:
    """A new memory for an earlier model: short clips at 256 px, then longer ones at the size that is shipped."""
    share = {"clip_share": 0.75, "real_share": 0.4}
    return Recipe(
        name="nano",
        model=NANO,
        stages=(
            Stage(steps=1000, size=256, clips=3, length=5, stills=6, objects=3, prompting=PROMPTING, **share),
            Stage(steps=600, size=384, clips=2, length=6, stills=4, objects=3, prompting=PROMPTING, **share),
        ),
        # Focal loss at its published weight collapses to nothing at this scale (see the record).
        objective=Segment(losses=LossWeights(cross_entropy=1.0, focal=0.0, answers="mean")),
        optimiser=Optimiser(
            rate=6e-4,
            trunk_rate=8e-5,
            layer_decay=1.0,
            weight_decay=0.02,
            betas=(0.9, 0.99),
            clip_norm=1.0,
            frozen=(r"encoder\.trunk\.stem\..*", r"encoder\.trunk\.stages\.[01]\..*"),
        ),
        schedule=Level(warm_up=100, cool_down=350),
        ema=0.995,
    )


def nano_sources(data: Path) -> Sources:
    """Stills, clips made from them, and filmed clips of a data folder with all data sets of `STILL_SHARES`.

    Raises
    ------
    FileNotFoundError, ValueError: as `open_sources`; one of the data sets is missing.
    """
    return open_sources(data, augmentation=STRONG, ratios=STILL_SHARES)


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description="Train the bundled model on two CPU cores.")
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--trunk", type=Path, help="EfficientNet-Lite0 state dict (.pth): everything else from nothing")
    start.add_argument("--start", type=Path, help="an earlier model of this recipe: only its memory from nothing")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # the batch thread must not spread over the cores that the optimiser uses
    torch.set_num_threads(2)

    def prepare(model: Sam2) -> None:
        if arguments.trunk:
            load_trunk(model, arguments.trunk)
        else:
            go_on_from(model, arguments.start)
        tie_memory(model)

    train(nano(), nano_sources(arguments.data), arguments.run, prepare=prepare)


if __name__ == "__main__":
    main()
