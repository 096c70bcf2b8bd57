"""Clips made from stills: a moving, bending background and objects cut from elsewhere that move over it.

The motion of every layer is known, so every mask is exact. Objects enter and leave, cross and hide each other; targets
come from the background itself (they move with it and bend) or from a pasted layer. Some clips are filmed with a slow
shutter: each layer is blurred along its own motion. Where there are filmed clips, backgrounds and pasted objects come
from these too, so that real motion is seen before many backgrounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from masklet.data.framing import Crop, RandomCrop
from masklet.data.motion import CAMERA, TARGET, Motion, Swing, sampling_grid
from masklet.data.pasting import Cutout, Shutter, cut_out, paste
from masklet.data.samples import Sample, Source, promptable
from masklet.data.stills import TRIES, Picture, StillPool

_MOST_OWN = 4  # of a background's own objects
_LARGEST = 0.5
"""Share of its picture that a cut-out covers at most; at least a hundredth."""
_CUT_OFF = 0.03
"""Share of the edge of a filmed view that its object covers at most: it would show straight sides elsewhere."""
_CROP = RandomCrop(min_share=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """How often clips show what.

    Attributes
    ----------
    blurred: share of clips with motion blur.
    joined: share of pictures of which two objects that touch are one: a rider and what is ridden.
    swinging: share of objects cut from stills that bend by themselves, as what has limbs does.
    twins: share of the second and third pasted objects that look like the one before.
    filmed_grounds, filmed_objects: share of the backgrounds, and of the pasted objects, that come from filmed clips,
        where there are any.
    """

    blurred: float = 0.1
    joined: float = 0.25
    swinging: float = 0.5
    twins: float = 0.3
    filmed_grounds: float = 0.25
    filmed_objects: float = 0.35


class ClipSynthesis:
    """Draws clips of any length from a pool of stills.

    Parameters
    ----------
    pool: where backgrounds and objects come from.
    films: where filmed ones come from; None: there are none.
    variety: how often clips show what.
    """

    name = "synthesis"

    def __init__(self, pool: StillPool, films: Source | None = None, variety: Variety | None = None) -> None:
        self._pool = pool
        self._films = films
        self._variety = variety or Variety()

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw a clip whose first frame shows at least one promptable object."""
        for _ in range(TRIES):
            frames, masks, name = self._render(rng, length, size)
            usable = rng.permutation(promptable(masks[:, 0], self._pool.least))[:objects]
            if len(usable):
                return Sample(frames=frames, masks=masks[usable], source=name)
        raise ValueError(f"no clip of {TRIES} showed an object of usable size in its first frame")

    def _render(self, rng: np.random.Generator, length: int, size: int) -> tuple[np.ndarray, np.ndarray, str]:
        """Frames [T,S,S,3] uint8, the masks [N,T,S,S] bool of every object, background ones first, and a name."""
        variety = self._variety
        exposure = rng.uniform(0.25, 0.8)
        shutter = Shutter(length, exposure if rng.random() < variety.blurred else 0.0)
        frames, own, name = self._ground(rng, shutter, size)
        layers, names = [own], [name]
        cutout: Cutout | None = None
        for index in range(int(rng.choice([0, 1, 2, 3], p=[0.25, 0.4, 0.25, 0.1]))):
            if cutout is None or rng.random() >= variety.twins:
                cutout = self._cutout(rng, length, size)
                names.append(cutout.name)
            opacity = paste(rng, frames, cutout, shutter, crosses=index > 0)
            solid = opacity > 0.5
            layers = [layer & ~solid for layer in layers]
            layers.append(solid[None])
        return frames, np.concatenate(layers), " + ".join(names)

    def _ground(self, rng: np.random.Generator, shutter: Shutter, size: int) -> tuple[np.ndarray, np.ndarray, str]:
        """Frames and masks of what is behind everything, and its name."""
        if self._films is not None and rng.random() < self._variety.filmed_grounds:
            film = self._films.sample(rng, shutter.length, size, _MOST_OWN)
            return film.frames, film.masks, film.source
        picture = self._picture(rng)
        crop = _CROP(rng, *picture.image.shape[:2])
        return *_moving_background(rng, picture, crop, shutter, size), picture.name

    def _cutout(self, rng: np.random.Generator, length: int, size: int) -> Cutout:
        """An object from a filmed clip or a still."""
        filmed = self._films is not None and rng.random() < self._variety.filmed_objects
        for _ in range(TRIES):
            if filmed and self._films is not None:
                film = self._films.sample(rng, length, size, 1)
                name, images, masks = film.source, film.frames, film.masks[:1]
            else:
                picture = self._picture(rng)
                name, images, masks = picture.name, picture.image[None], picture.masks[:, None]
            areas = masks[:, 0].mean(axis=(1, 2))
            fitting = np.flatnonzero((areas > 0.01) & (areas < _LARGEST))
            if not len(fitting) or (filmed and _cut_off(masks[0]) > _CUT_OFF):
                continue
            cutout = cut_out(name, images, masks[rng.choice(fitting)])
            if filmed or rng.random() >= self._variety.swinging:
                return cutout
            return replace(cutout, swing=Swing(rng, length))
        raise ValueError(f"no picture of {TRIES} had an object that covers 1..{100 * _LARGEST:.0f} % of it")

    def _picture(self, rng: np.random.Generator) -> Picture:
        """A still; of some, two objects that touch are one."""
        picture = self._pool.draw(rng, _MOST_OWN)
        if rng.random() >= self._variety.joined:
            return picture
        return replace(picture, masks=joined(picture.masks))


def _cut_off(masks: np.ndarray) -> float:
    """Share of the edges of masks [T, H, W] that is covered."""
    edges = [masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]]
    return float(np.concatenate(edges, axis=1).mean())


def joined(masks: np.ndarray) -> np.ndarray:
    """Masks [N, H, W] of which the first two that touch, if any do, are one, the first: N or N - 1 of them."""
    wider = [cv2.dilate(mask.view(np.uint8), np.ones((5, 5), np.uint8)) > 0 for mask in masks]
    for first in range(len(masks)):
        for second in range(first + 1, len(masks)):
            both = masks[first] | masks[second]
            if both.mean() < _LARGEST and (wider[first] & masks[second]).any():
                others = [mask for number, mask in enumerate(masks) if number not in (first, second)]
                return np.stack([both, *others])
    return masks


def _moving_background(
    rng: np.random.Generator, picture: Picture, crop: Crop, shutter: Shutter, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Frames [T,S,S,3] and masks [N,T,S,S] of the picture's objects (8 at most), all seen by a moving camera."""
    length = shutter.length
    labels = np.zeros(picture.masks.shape[1:], np.uint8)
    for bit, mask in enumerate(picture.masks):
        labels |= mask.astype(np.uint8) << bit
    image = picture.image
    # Shrink first where the crop is much larger than the output: remap alone would alias.
    shrink = min(size / crop.width, size / crop.height)
    to_square = crop.matrix(size)
    if shrink < 0.75:
        height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
        scale = np.diag([image.shape[1] / width, image.shape[0] / height, 1.0])
        scale[0, 2], scale[1, 2] = (scale[0, 0] - 1) / 2, (scale[1, 1] - 1) / 2
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        labels = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
        to_square = to_square @ scale
    motion = Motion(rng, CAMERA, length, size, pivot=(size / 2, size / 2))
    pivot = rng.uniform(0.2, 0.8, 2) * size
    local = Motion(rng, TARGET, length, size, pivot=(float(pivot[0]), float(pivot[1])))
    frames = np.empty((length, size, size, 3), np.uint8)
    seen = np.empty((length, size, size), np.uint8)
    for t in range(length):
        x, y = sampling_grid(motion.matrix(t) @ to_square, motion.flow(t) + local.flow(t))
        seen[t] = cv2.remap(labels, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
        frames[t] = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        moments = shutter.moments(t)
        if len(moments) > 1:
            exposed = np.zeros((size, size, 3), np.float32)
            for moment in moments:
                x, y = sampling_grid(motion.matrix(moment) @ to_square, motion.flow(moment) + local.flow(moment))
                exposed += cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            frames[t] = (exposed / len(moments) + 0.5).astype(np.uint8)
    return frames, np.stack([(seen >> bit) & 1 > 0 for bit in range(len(picture.masks))])
