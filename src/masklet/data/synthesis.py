"""Clips made from stills: a moving, bending background and objects cut from other stills that move over it.

The motion of every layer is known, so every mask is exact. Objects enter and leave, cross and hide each other; targets
come from the background picture itself (they move with it and bend) or from a pasted layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from masklet.data.motion import CAMERA, TARGET, Motion, sampling_grid
from masklet.data.photometric import Crop, blur_some, jitter_colours, random_crop
from masklet.data.samples import Sample, promptable
from masklet.data.stills import Picture, StillPool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cutout:
    """An object cut from its picture: image [h,w,3], opacity [h,w] float32 0..1, a margin around it."""

    image: np.ndarray
    opacity: np.ndarray


class ClipSynthesis:
    """Draws clips of any length from a pool of stills.

    Parameters
    ----------
    pool: where backgrounds and objects come from.
    """

    name = "synthesis"

    def __init__(self, pool: StillPool) -> None:
        self._pool = pool

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw a clip whose first frame shows at least one promptable object."""
        for _ in range(50):
            frames, masks = self._render(rng, length, size)
            usable = rng.permutation(promptable(masks[:, 0]))[:objects]
            if len(usable):
                frames = blur_some(rng, jitter_colours(rng, frames))
                return Sample(frames=frames, masks=masks[usable], source=self.name)
        raise ValueError("no clip of 50 showed an object of usable size in its first frame")

    def _render(self, rng: np.random.Generator, length: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames [T,S,S,3] uint8 and the masks [N,T,S,S] bool of every object, background ones first."""
        background = self._pool.draw(rng)
        crop = random_crop(rng, *background.image.shape[:2], min_share=0.3)
        frames, own = _moving_background(rng, background, crop, length, size)
        layers = [own]
        pasted = int(rng.choice([0, 1, 2, 3], p=[0.25, 0.4, 0.25, 0.1]))
        for index in range(pasted):
            cutout = self._cutout(rng)
            opacity = _paste(rng, frames, cutout, length, size, crosses=index > 0)
            solid = opacity > 0.5
            layers = [layer & ~solid for layer in layers]
            layers.append(solid[None])
        return frames, np.concatenate(layers)

    def _cutout(self, rng: np.random.Generator) -> _Cutout:
        for _ in range(50):
            picture = self._pool.draw(rng)
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
            return _Cutout(image=picture.image[y0:y1, x0:x1], opacity=opacity)
        raise ValueError("no picture of 50 had an object that covers 1..50 % of it")


def _moving_background(
    rng: np.random.Generator, picture: Picture, crop: Crop, length: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Frames [T,S,S,3] and masks [N,T,S,S] of up to 4 of the picture's objects, all seen by a moving camera."""
    chosen = rng.permutation(len(picture.masks))[:4]
    labels = np.zeros(picture.masks.shape[1:], np.uint8)
    for bit, index in enumerate(chosen):
        labels |= picture.masks[index].astype(np.uint8) << bit
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
        frames[t] = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        seen[t] = cv2.remap(labels, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
    return frames, np.stack([(seen >> bit) & 1 > 0 for bit in range(len(chosen))])


def _paste(
    rng: np.random.Generator, frames: np.ndarray, cutout: _Cutout, length: int, size: int, *, crosses: bool
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
    motion = Motion(rng, TARGET, length, size, pivot=(float(centre[0]), float(centre[1])))
    travel = rng.uniform(-0.8, 0.8, 2) * size if crosses or rng.random() < 0.25 else np.zeros(2)
    covered = np.zeros((length, size, size), np.float32)
    for t in range(length):
        shift = np.eye(3)
        shift[:2, 2] = travel * t / max(length - 1, 1)
        x, y = sampling_grid(shift @ motion.matrix(t) @ to_frame, motion.flow(t))
        alpha = cv2.remap(opacity, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        left, top, w, h = cv2.boundingRect((alpha > 0).astype(np.uint8))
        if w == 0:
            continue
        box = np.s_[top : top + h, left : left + w]
        colour = cv2.remap(image, x[box], y[box], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        weight = alpha[box][..., None]
        frames[t][box] = (frames[t][box] * (1 - weight) + colour * weight + 0.5).astype(np.uint8)
        covered[t] = alpha
    return covered
