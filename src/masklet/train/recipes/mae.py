"""Masked auto-encoding: a trunk learns to see, from pictures without masks."""

from __future__ import annotations

from masklet.train.config import Cosine, Mae, Optimiser, Recipe, Stage
from masklet.train.recipes.parts import named

_ALL_BUT_THE_TRUNK = r"(?!encoder\.trunk\.).*"


def mae(
    *,
    model: str = "sam2.1-hiera-tiny",
    size: int = 224,
    steps: int = 250_000,
    pictures: int = 4096,
    mask_share: float = 0.75,
    patch: int = 32,
) -> Recipe:
    """Pre-train a trunk by guessing hidden patches of pictures.

    Source: masked auto-encoders (arXiv 2111.06377, table 8: 1.5e-4 for 256 pictures, betas .9/.95, decay .05, a cosine
    after one twentieth of warm-up), about 800 epochs of ImageNet as there; hidden patches of 32 px as for Hiera (arXiv
    2306.00989). SAM 2 starts from a Hiera trunk trained so; that training was never released.

    The pictures need no masks. As there, views of a fifth or more of a picture and mirror images are seen: that is the
    augmentation "cropped".

    What differs: hidden patches are painted over, the decoder is smaller (`Mae`), gradients are clipped.
    """
    stage = Stage(
        steps=steps, size=size, clip_share=0, real_share=0, clips=pictures, length=1, stills=pictures, objects=1
    )
    rate = 1.5e-4 * pictures / 256
    return Recipe(
        name="mae",
        model=named(model, size),
        stages=(stage,),
        objective=Mae(mask_share=mask_share, patch=patch),
        optimiser=Optimiser(
            rate=rate,
            trunk_rate=rate,
            layer_decay=1.0,
            weight_decay=0.05,
            betas=(0.9, 0.95),
            clip_norm=1.0,
            frozen=(_ALL_BUT_THE_TRUNK,),
        ),
        schedule=Cosine(warm_up=steps // 20, floor=0.0),
        precision="bfloat16",
    )
