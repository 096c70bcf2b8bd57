"""Clips made from stills: a moving, bending background and objects cut from other stills that move over it.

The motion of every layer is known, so every mask is exact. Objects enter and leave, cross and hide each other; targets
come from the background picture itself (they move with it and bend) or from a pasted layer. Some clips are filmed with
a slow shutter: each layer is blurred along its own motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masklet.data.framing import Crop, RandomCrop
from masklet.data.motion import CAMERA, TARGET, Motion, sampling_grid
from masklet.data.samples import Sample, promptable
from masklet.data.stills import TRIES, Picture, StillPool

_EXPOSURES = 5  # moments that a blurred frame is the mean of
_MOST_OWN = 4  # of a background's own objects
_CROP = RandomCrop(min_share=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cutout:
    """An object cut from its picture: image [h,w,3], opacity [h,w] float32 0..1, a margin around it."""

    name: str
    image: np.ndarray
    opacity: np.ndarray


class ClipSynthesis:
    """Draws clips of any length from a pool of stills.

    Parameters
    ----------
    pool: where backgrounds and objects come from.
    blurred: share of clips with motion blur.
    """

    name = "synthesis"

    def __init__(self, pool: StillPool, blurred: float = 0.1) -> None:
        self._pool = pool
        self._blurred = blurred

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
        background = self._pool.draw(rng, _MOST_OWN)
        crop = _CROP(rng, *background.image.shape[:2])
        shutter = _Shutter(length, rng.uniform(0.25, 0.8) if rng.random() < self._blurred else 0.0)
        frames, own = _moving_background(rng, background, crop, shutter, size)
        layers, names = [own], [background.name]
        pasted = int(rng.choice([0, 1, 2, 3], p=[0.25, 0.4, 0.25, 0.1]))
        for index in range(pasted):
            cutout = self._cutout(rng)
            names.append(cutout.name)
            opacity = _paste(rng, frames, cutout, shutter, size, crosses=index > 0)
            solid = opacity > 0.5
            layers = [layer & ~solid for layer in layers]
            layers.append(solid[None])
        return frames, np.concatenate(layers), " + ".join(names)

    def _cutout(self, rng: np.random.Generator) -> _Cutout:
        for _ in range(TRIES):
            picture = self._pool.draw(rng, _MOST_OWN)
            areas = picture.masks.mean(axis=(1, 2))
            fitting = np.flatnonzero((areas > 0.01) & (areas < 0.5))
            if not len(fitting):
                continue
            mask = picture.masks[rng.choice(fitting)]
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            y0, y1 = max(rows[0] - 4, 0), min(rows[-1] + 5, mask.shape[0])
            x0, x1 = max(columns[0] - 4, 0), min(columns[-1] + 5, mask.shape[1])
            opacity = mask[y0:y1, x0:x1].astype(np.float32)
            # Soft edge, a little inside the outline: no rim of the old surroundings, no aliased border to learn from.
            opacity = np.clip(cv2.GaussianBlur(opacity, (0, 0), 1.2) * 1.6 - 0.5, 0, 1)
            return _Cutout(name=picture.name, image=picture.image[y0:y1, x0:x1], opacity=opacity)
        raise ValueError(f"no picture of {TRIES} had an object that covers 1..50 % of it")


@dataclass(frozen=True, slots=True)
class _Shutter:
    """How long each of `length` frames is exposed, as a share of the time between two; 0 is an instant."""

    length: int
    open: float

    def moments(self, t: int) -> list[float]:
        """The times, 0..length-1, that frame `t` is the mean of."""
        if not self.open:
            return [float(t)]
        spread = np.linspace(-0.5, 0.5, _EXPOSURES) * self.open
        return np.clip(t + spread, 0, self.length - 1).tolist()


def _moving_background(
    rng: np.random.Generator, picture: Picture, crop: Crop, shutter: _Shutter, size: int
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


def _paste(
    rng: np.random.Generator, frames: np.ndarray, cutout: _Cutout, shutter: _Shutter, size: int, *, crosses: bool
) -> np.ndarray:
    """Draw a moving cut-out into `frames` in place; its opacity [T,S,S] is returned.

    One that `crosses` starts anywhere, outside too, and travels far: an occluder, or something that enters or leaves.
    """
    height, width = cutout.opacity.shape
    extent = size * np.exp(rng.uniform(np.log(0.15), np.log(0.75)))
    squeeze = np.exp(rng.uniform(-0.3, 0.3))
    scale = extent / max(height, width)
    sx, sy = scale * squeeze, scale / squeeze
    image, opacity = cutout.image, cutout.opacity
    if scale < 0.75:
        shape = (max(2, round(width * sx)), max(2, round(height * sy)))
        image = cv2.resize(image, shape, interpolation=cv2.INTER_AREA)
        opacity = cv2.resize(opacity, shape, interpolation=cv2.INTER_AREA)
        sx = sy = 1.0
        height, width = opacity.shape
    margin = 0.2 if crosses else -0.15
    centre = rng.uniform(-margin, 1 + margin, 2) * size
    flip = -1.0 if rng.random() < 0.5 else 1.0
    to_frame = np.array(
        [[sx * flip, 0, centre[0] - flip * sx * width / 2], [0, sy, centre[1] - sy * height / 2], [0, 0, 1]]
    )
    length = shutter.length
    motion = Motion(rng, TARGET, length, size, pivot=(float(centre[0]), float(centre[1])))
    travel = rng.uniform(-0.8, 0.8, 2) * size if crosses or rng.random() < 0.25 else np.zeros(2)
    covered = np.zeros((length, size, size), np.float32)
    for t in range(length):
        moments = shutter.moments(t)
        light = np.zeros((size, size, 3), np.float32)
        for moment in moments:
            shift = np.eye(3)
            shift[:2, 2] = travel * moment / max(length - 1, 1)
            x, y = sampling_grid(shift @ motion.matrix(moment) @ to_frame, motion.flow(moment))
            alpha = cv2.remap(opacity, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
            left, top, w, h = cv2.boundingRect((alpha > 0).astype(np.uint8))
            if w == 0:
                continue
            box = np.s_[top : top + h, left : left + w]
            colour = cv2.remap(image, x[box], y[box], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            light[box] += colour * alpha[box][..., None]
            covered[t] += alpha
        covered[t] /= len(moments)
        left, top, w, h = cv2.boundingRect((covered[t] > 0).astype(np.uint8))
        box = np.s_[top : top + h, left : left + w]
        through = 1 - covered[t][box][..., None]
        frames[t][box] = (frames[t][box] * through + light[box] / len(moments) + 0.5).astype(np.uint8)
    return covered
