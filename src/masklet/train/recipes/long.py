"""Longer clips at the end of training: only what deals with time still learns."""

from __future__ import annotations

from dataclasses import replace

from masklet.train.config import Recipe
from masklet.train.recipes.parts import frozen
from masklet.train.recipes.video import video


def long(
    *,
    model: str = "sam2.1-hiera-tiny",
    start: str | None = None,
    size: int = 1024,
    steps: int = 50_000,
    clips: int = 256,
    length: int = 16,
    objects: int = 3,
    real_share: float = 1.0,
) -> Recipe:
    """Go on from `video` with 16-frame clips, at half its rate and with a frozen image encoder.

    Source: SAM 2 (arXiv 2408.00714, appendix D.2.2, the last paragraph): 50,000 steps. `start`: a model from `video`.

    What differs: as for `video`; which clips are hard enough to be worth it is up to the sources of samples.
    """
    plan = video(
        model=model,
        start=start,
        size=size,
        steps=steps,
        clips=clips,
        length=length,
        objects=objects,
        clip_share=1.0,
        real_share=real_share,
    )
    optimiser = replace(plan.optimiser, rate=plan.optimiser.rate / 2, frozen=frozen(("encoder",)))
    return replace(plan, name="long", optimiser=optimiser)
