"""Samples of one frame, from pictures with masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from masklet.data.footage import MaskedClip, check_fit
from masklet.data.framing import Framing, RandomCrop, keeping
from masklet.data.mixture import shares_of
from masklet.data.samples import MAX_TARGET_SHARE, MIN_TARGET_SHARE, Sample, promptable

TRIES = 50
"""Draws in a row without a usable object after which a data set is said to have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One decoded still: image [H,W,3] uint8 RGB and masks [N,H,W] bool (they may overlap), N >= 1."""

    name: str
    image: np.ndarray
    masks: np.ndarray


class StillPool:
    """Pictures of several data sets, drawn by given ratios; of a clip, any of its frames.

    Parameters
    ----------
    parts: the pictures of each data set, with its ratio.
    least: objects that cover a smaller share of what is seen are not prompted.

    Raises
    ------
    ValueError: no parts, one without pictures, or a ratio that is not a positive number.
    """

    def __init__(self, parts: Sequence[tuple[Sequence[MaskedClip], float]], least: float = MIN_TARGET_SHARE) -> None:
        if not all(len(pictures) for pictures, _ in parts):
            raise ValueError("every part of a pool of stills needs at least one picture")
        self._parts = [pictures for pictures, _ in parts]
        self._shares = shares_of([ratio for _, ratio in parts])
        self.least = least

    def draw(self, rng: np.random.Generator, most: int) -> Picture:
        """A random picture of a random data set, with at most `most` of its objects, at least one."""
        for _ in range(TRIES):
            pictures = self._parts[int(rng.choice(len(self._parts), p=self._shares))]
            clip = pictures[int(rng.integers(len(pictures)))]
            place = int(rng.integers(len(clip)))
            found = clip.masks(place)
            # What is a little too small may be large enough in a crop.
            fitting = (
                mask for mask in map(found.__getitem__, rng.permutation(list(found)).tolist()) if self._fits(mask)
            )
            masks = list(islice(fitting, most))
            if masks:
                image = clip.frames([place])[0]
                check_fit(clip, image, masks[0])
                return Picture(name=clip.name, image=image, masks=np.stack(masks))
        raise ValueError(f"no picture of {TRIES} had an object of usable size")

    def _fits(self, mask: np.ndarray) -> bool:
        return 0.75 * self.least <= mask.mean() <= MAX_TARGET_SHARE


class StillSource:
    """Single-frame samples from a pool: a picture with some of its objects, or a mosaic of four.

    On one picture the most striking thing is a good guess whatever the prompt says; on a mosaic, only the prompt tells
    which of the four is meant. Without mosaics a short training never learns to read clicks.

    Parameters
    ----------
    mosaics: share of samples that are mosaics; half of these show one picture four times.
    framing: what is shown of a picture.
    """

    name = "stills"

    def __init__(self, pool: StillPool, mosaics: float = 0.6, framing: Framing | None = None) -> None:
        self._pool = pool
        self._mosaics = mosaics
        self._framing = framing or RandomCrop()

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw up to `objects` objects of one picture, or up to twice as many of a mosaic; `length` must be 1."""
        if length != 1:
            raise ValueError(f"stills have one frame, got length {length}; use ClipSynthesis for clips")
        for _ in range(TRIES):
            mosaic = rng.random() < self._mosaics
            view = self._mosaic(rng, size) if mosaic else self._single(rng, size, min(3 * objects, objects + 8))
            usable = rng.permutation(promptable(view.masks, self._pool.least))[: 2 * objects if mosaic else objects]
            if len(usable):
                return Sample(frames=view.image[None], masks=view.masks[usable][:, None], source=view.name)
        raise ValueError(f"no view of {TRIES} pictures showed an object of usable size")

    def _single(self, rng: np.random.Generator, size: int, most: int) -> Picture:
        """A picture as a square of `size`, with at most `most` of its objects."""
        picture = self._pool.draw(rng, most)
        crop, masks = keeping(self._framing(rng, *picture.image.shape[:2]), picture.masks, size)
        return Picture(name=picture.name, image=crop.apply(picture.image, size), masks=masks)

    def _mosaic(self, rng: np.random.Generator, size: int) -> Picture:
        """Four views as the quarters of one picture, with at most two objects of each."""
        half = size // 2
        views = (
            [self._single(rng, half, 2) for _ in range(4)] if rng.random() < 0.5 else [self._single(rng, half, 2)] * 4
        )
        image = np.empty((size, size, 3), np.uint8)
        masks: list[np.ndarray] = []
        for quarter, view in enumerate(views):
            place = np.s_[
                quarter // 2 * half : (quarter // 2 + 1) * half, quarter % 2 * half : (quarter % 2 + 1) * half
            ]
            image[place] = view.image
            for outline in view.masks:
                whole = np.zeros((size, size), bool)
                whole[place] = outline
                masks.append(whole)
        return Picture(name=" + ".join(dict.fromkeys(view.name for view in views)), image=image, masks=np.stack(masks))
