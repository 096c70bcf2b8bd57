"""A small model learns what a large one knows."""

from __future__ import annotations

from masklet.train.config import Distill, Level, Optimiser, Prompting, Recipe, Stage
from masklet.train.recipes.parts import STEADY_LOSS, named

PROMPTING = Prompting(
    mask_share=0.5,
    box_share=0.2,
    first_frames=(1, 1),
    corrections=(0, 2),
    corrected_share=0.25,
    corrected_clicks=(1, 1),
)


def distill(
    *,
    model: str = "nano",
    teacher: str = "sam2.1-hiera-large",
    start: str | None = None,
    size: int | None = None,
    steps: int = 20_000,
    features: float = 1.0,
    masks: float = 1.0,
    clip_share: float = 0.5,
    real_share: float = 0.5,
    clips: int = 4,
    length: int = 4,
    stills: int = 8,
    objects: int = 3,
) -> Recipe:
    """Train a small model on the embeddings and masks of a large one, beside the true masks.

    Source: none of the paper's. Embeddings as MobileSAM matches them (arXiv 2306.14289), masks on the same prompts as
    EdgeTAM and EfficientTAM's likes do (arXiv 2501.07256); rates and losses are those of `nano`.

    Parameters
    ----------
    teacher: name or file of the large model, at its own image size.
    features, masks: weights of the two distances, see `Distill`.
    """
    config = named(model, size)
    stage = Stage(
        steps=steps,
        size=config.image_size,
        clip_share=clip_share,
        real_share=real_share,
        clips=clips,
        length=length,
        stills=stills,
        objects=objects,
        prompting=PROMPTING,
    )
    return Recipe(
        name="distill",
        model=config,
        stages=(stage,),
        start=start,
        objective=Distill(teacher=teacher, features=features, masks=masks, losses=STEADY_LOSS),
        optimiser=Optimiser(
            rate=6e-4, trunk_rate=2e-4, layer_decay=1.0, weight_decay=0.02, betas=(0.9, 0.99), clip_norm=1.0
        ),
        schedule=Level(warm_up=min(200, steps // 10), cool_down=max(steps // 4, 1)),
    )
