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

from masklet.data.clips import ClipSource, MaskedClip
from masklet.data.stills import StillPool, Stills, StillSource
from masklet.data.synthesis import ClipSynthesis
from masklet.model.configs import NANO
from masklet.model.sam2 import Sam2
from masklet.train.batches import Sources
from masklet.train.config import Recipe, Stage
from masklet.train.initial import load_trunk, tie_memory
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


def nano() -> Recipe:
    """About 40 minutes of two idle cores: single frames and short clips, then clicks on mosaics, then longer clips."""
    small = {"size": 256, "clips": 2}
    return Recipe(
        name="nano",
        model=NANO,
        stages=(
            Stage(steps=650, clip_share=0.45, real_share=0.2, length=4, objects=2, stills=6, rounds=3, **small),
            Stage(steps=730, clip_share=0.75, real_share=0.3, length=5, objects=2, stills=6, rounds=4, **small),
            Stage(steps=130, clip_share=0.85, real_share=0.4, length=7, objects=3, stills=6, rounds=4, **small),
            Stage(steps=215, clip_share=0.55, real_share=0.4, length=6, objects=3, stills=4, rounds=2, **small),
            Stage(steps=280, clip_share=0.1, real_share=0.4, length=5, objects=4, stills=6, rounds=1, **small),
            Stage(steps=400, clip_share=0.7, real_share=0.4, length=6, objects=3, stills=6, rounds=3, **small),
            Stage(steps=400, clip_share=0.75, real_share=0.4, length=7, objects=3, stills=6, rounds=3, **small),
            Stage(
                steps=60, size=384, clip_share=0.75, real_share=0.4, length=6, clips=2, objects=3, stills=4, rounds=3
            ),
        ),
        head_rate=4e-4,
        cool_down=460,
    )


def open_sources(data: Path) -> Sources:
    """Stills, clips made from them, and real clips of a data folder.

    Raises
    ------
    FileNotFoundError: one of the folders of `STILL_SHARES`, or `clips`, is missing.
    """
    pool = StillPool([(Stills(data / "stills" / name), share) for name, share in STILL_SHARES.items()])
    clips = [MaskedClip.open(folder) for folder in sorted((data / "clips").iterdir()) if folder.is_dir()]
    return Sources(stills=StillSource(pool), synthetic=ClipSynthesis(pool), real=ClipSource(clips))


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description="Train the bundled model on two CPU cores.")
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--trunk", type=Path, required=True, help="EfficientNet-Lite0 state dict (.pth)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # the batch thread must not spread over the cores that the optimiser uses
    torch.set_num_threads(2)

    def prepare(model: Sam2) -> None:
        load_trunk(model, arguments.trunk)
        tie_memory(model)

    train(nano(), open_sources(arguments.data), arguments.run, prepare=prepare)


if __name__ == "__main__":
    main()
