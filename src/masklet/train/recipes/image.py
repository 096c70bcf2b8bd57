"""Promptable segmentation of images, the first of the paper's two stages."""

from __future__ import annotations

from masklet.train.config import Prompting, Recipe, ReciprocalSqrt, Segment, Stage
from masklet.train.recipes.parts import named, published_drop_path, published_rates


def image(
    *,
    model: str = "sam2.1-hiera-tiny",
    start: str | None = None,
    size: int = 1024,
    steps: int = 90_000,
    pictures: int = 256,
    objects: int = 64,
) -> Recipe:
    """Pre-train on pictures with many masks: a click or a box, then seven corrections.

    Source: SAM 2 (arXiv 2408.00714, appendix D.2.1), on SA-1B: 90,000 steps of 256 pictures of at most 64 masks, those
    over 90 % of the area left out (which every source of samples does), rate 4e-4 with a reciprocal root after 1,000
    steps of warm-up and a cool-down over the last 5,000, layer decay and drop path by the size of the trunk, focal 20 :
    dice 1 : IoU 1. `start`: a model with a trunk from `mae`.

    What differs: objects are also taught to be visible; the weights are averaged.
    """
    config = named(model, size)
    stage = Stage(
        steps=steps,
        size=size,
        clip_share=0,
        real_share=0,
        clips=pictures,
        length=1,
        stills=pictures,
        objects=objects,
        prompting=Prompting(mask_share=0, box_share=0.5, corrections=(7, 7)),
    )
    return Recipe(
        name="image",
        model=config,
        stages=(stage,),
        start=start,
        objective=Segment(),
        optimiser=published_rates(config, rate=4e-4, trunk_rate=4e-4),
        schedule=ReciprocalSqrt(warm_up=min(1000, steps // 10), cool_down=min(5000, steps // 5), timescale=1000),
        drop_path=published_drop_path(config),
        precision="bfloat16",
    )
