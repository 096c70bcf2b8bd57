"""Promptable segmentation of images and video, the second of the paper's two stages."""

from __future__ import annotations

from masklet.train.config import Cosine, Prompting, Recipe, Segment, Stage
from masklet.train.recipes.parts import named, published_dropout, published_rates

PROMPTING = Prompting(
    mask_share=0.5,
    box_share=0.25,
    first_frames=(1, 2),
    corrections=(7, 7),
    corrected_share=0.5,
    corrected_frames=(1, 1),
    corrected_clicks=(7, 7),
    from_truth=0.1,
)
"""How the published training prompts clips: up to two frames at first, up to two corrected."""


def video(
    *,
    model: str = "sam2.1-hiera-tiny",
    start: str | None = None,
    size: int = 1024,
    steps: int = 300_000,
    clips: int = 256,
    length: int = 8,
    objects: int = 3,
    still_objects: int = 64,
    clip_share: float = 0.85,
    real_share: float = 1.0,
) -> Recipe:
    """Train on images and 8-frame clips in turn, interactively corrected.

    Source: SAM 2 (arXiv 2408.00714, appendix D.2.2): 300,000 steps of 256 pictures or clips, rates 3e-4 and for the
    trunk 6e-5, half a cosine after 15,000 steps of warm-up, layer decay by the size of the trunk, 3 objects a clip,
    7 corrections; images are 15.2 % of the mix and have up to 64 objects, as in `image`. `start`: a model from `image`.

    Memory attention has the dropout that the published models are configured with, 0.1, but for that on the weights of
    attention (see `masklet.train.dropout`); `nano` has none.

    What differs: the cosine ends at a tenth, as that of the released fine-tuning does; no drop path, of which that
    fine-tuning (of base-plus) has 0.1 (`--set drop_path=0.1`). Augmentation (reversed time, affine, colour, mosaics)
    belongs to the sources of samples.
    """
    config = named(model, size)
    stage = Stage(
        steps=steps,
        size=size,
        clip_share=clip_share,
        real_share=real_share,
        clips=clips,
        length=length,
        stills=clips,
        objects=objects,
        still_objects=still_objects,
        prompting=PROMPTING,
    )
    return Recipe(
        name="video",
        model=config,
        stages=(stage,),
        start=start,
        objective=Segment(),
        optimiser=published_rates(config, rate=3e-4, trunk_rate=6e-5),
        schedule=Cosine(warm_up=steps // 20, floor=0.1),
        dropout=published_dropout(config),
        precision="bfloat16",
    )
