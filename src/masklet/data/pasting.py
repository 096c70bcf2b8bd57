"""Objects cut from their pictures, and drawn moving over others.

Legend: T frames, S side of the square frames, h w a cut-out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from masklet.data.motion import TARGET, Motion, Swing, sampling_grid

_EXPOSURES = 5
"""Moments that a blurred frame is the mean of."""
_MARGIN = 4
"""Pixels around an object that are cut out with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """An object cut from a picture, or from each frame of a clip.

    Attributes
    ----------
    images: [1 or T, h, w, 3] uint8 RGB, a margin around the object.
    opacities: [1 or T, h, w] float32, 0..1.
    swing: how it bends by itself, as what has limbs does; None: it is stiff.
    """

    name: str
    images: np.ndarray
    opacities: np.ndarray
    swing: Swing | None = None

    def resized(self, width: int, height: int) -> Cutout:
        """The same in another size, for shrinking."""
        images, opacities = (
            np.stack([cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA) for layer in layers])
            for layers in (self.images, self.opacities)
        )
        return replace(self, images=images, opacities=opacities)

    def at(self, moment: float) -> tuple[np.ndarray, np.ndarray]:
        """Image and opacity at a moment, 0..T-1."""
        index = min(round(moment), len(self.images) - 1)
        image, opacity = self.images[index], self.opacities[index]
        if self.swing is None or moment == 0:
            return image, opacity
        x, y = self.swing.grid(moment, *opacity.shape)
        image = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return image, cv2.remap(opacity, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def cut_out(name: str, images: np.ndarray, masks: np.ndarray) -> Cutout:
    """What `masks` [1 or T, H, W] bool show of `images` [1 or T, H, W, 3]; at least one pixel of them is set."""
    rows, columns = (np.flatnonzero(masks.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    y0, y1 = max(rows[0] - _MARGIN, 0), min(rows[-1] + 1 + _MARGIN, masks.shape[1])
    x0, x1 = max(columns[0] - _MARGIN, 0), min(columns[-1] + 1 + _MARGIN, masks.shape[2])
    # Soft edge, a little inside the outline: no rim of the old surroundings, no aliased border to learn from.
    soft = [
        np.clip(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2) * 1.6 - 0.5, 0, 1)
        for mask in masks[:, y0:y1, x0:x1]
    ]
    return Cutout(name=name, images=images[:, y0:y1, x0:x1], opacities=np.stack(soft))


@dataclass(frozen=True, slots=True)
class Shutter:
    """How long each of `length` frames is exposed, as a share of the time between two; 0 is an instant."""

    length: int
    open: float

    def moments(self, t: int) -> list[float]:
        """The times, 0..length-1, that frame `t` is the mean of."""
        if not self.open:
            return [float(t)]
        spread = np.linspace(-0.5, 0.5, _EXPOSURES) * self.open
        return np.clip(t + spread, 0, self.length - 1).tolist()


def paste(
    rng: np.random.Generator, frames: np.ndarray, cutout: Cutout, shutter: Shutter, *, crosses: bool
) -> np.ndarray:
    """Draw a moving cut-out into `frames` [T, S, S, 3] in place; its opacity [T, S, S] is returned.

    One that `crosses` starts anywhere, outside too, and travels far: an occluder, or something that enters or leaves.
    """
    size = frames.shape[1]
    height, width = cutout.opacities.shape[1:]
    extent = size * np.exp(rng.uniform(np.log(0.15), np.log(0.75)))
    squeeze = np.exp(rng.uniform(-0.3, 0.3))
    scale = extent / max(height, width)
    sx, sy = scale * squeeze, scale / squeeze
    if scale < 0.75:
        width, height = max(2, round(width * sx)), max(2, round(height * sy))
        cutout = cutout.resized(width, height)
        sx = sy = 1.0
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
            image, opacity = cutout.at(moment)
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
