"""How samples are varied: the published augmentation of SAM 2, and the stronger one of the bundled model.

A change takes a sample and gives another one; the generator alone decides what it does.

Legend: O objects, T frames, S side of the square frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from masklet.data.framing import Framing, RandomCrop, Whole
from masklet.data.photometric import blur_some, jitter_colours
from masklet.data.samples import MIN_TARGET_SHARE, MIN_VISIBLE_SHARE, Sample, Source

Change = Callable[[np.random.Generator, Sample], Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """Brightness, contrast and saturation, each times 1 +- so much; one draw a clip."""

    brightness: float = 0.1
    contrast: float = 0.03
    saturation: float = 0.03

    def __call__(self, rng: np.random.Generator, sample: Sample) -> Sample:
        factors = self._draw(rng)
        return replace(sample, frames=np.stack([_recoloured(frame, *factors) for frame in sample.frames]))

    def _draw(self, rng: np.random.Generator) -> tuple[float, float, float]:
        brightness, contrast, saturation = rng.uniform(-1, 1, 3)
        return 1 + brightness * self.brightness, 1 + contrast * self.contrast, 1 + saturation * self.saturation


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameJitter:
    """The same with a draw of its own for every frame: exposure that flickers."""

    brightness: float = 0.1
    contrast: float = 0.05
    saturation: float = 0.05

    def __call__(self, rng: np.random.Generator, sample: Sample) -> Sample:
        reach = (self.brightness, self.contrast, self.saturation)
        draws = 1 + rng.uniform(-1, 1, (len(sample.frames), 3)) * reach
        frames = [_recoloured(frame, *factors) for frame, factors in zip(sample.frames, draws, strict=True)]
        return replace(sample, frames=np.stack(frames))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grayscale:
    """A `share` of the clips loses its colours."""

    share: float = 0.05

    def __call__(self, rng: np.random.Generator, sample: Sample) -> Sample:
        if rng.random() >= self.share:
            return sample
        grey = [cv2.cvtColor(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) for f in sample.frames]
        return replace(sample, frames=np.stack(grey))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """A `share` of the clips is shown four times side by side, each perhaps mirrored; one of the four is meant.

    It teaches to tell an object from others that look the same (SAM 2's training code, "mosaic"). A clip of which an
    object would vanish in its first frame stays as it is, and so do stills.
    """

    share: float = 0.1

    def __call__(self, rng: np.random.Generator, sample: Sample) -> Sample:
        length, size = sample.frames.shape[:2]
        if length == 1 or rng.random() >= self.share:
            return sample
        target = int(rng.integers(4))
        flips = rng.random(4) < 0.5
        half = size // 2
        small = np.stack([cv2.resize(f, (half, half), interpolation=cv2.INTER_AREA) for f in sample.frames])
        frames = np.zeros_like(sample.frames)
        masks = np.zeros_like(sample.masks)
        for quarter, flip in enumerate(flips):
            rows = slice(quarter // 2 * half, (quarter // 2 + 1) * half)
            columns = slice(quarter % 2 * half, (quarter % 2 + 1) * half)
            frames[:, rows, columns] = small[:, :, ::-1] if flip else small
            if quarter == target:
                for seen, mask in zip(masks.reshape(-1, size, size), sample.masks.reshape(-1, size, size), strict=True):
                    shrunk = cv2.resize(mask.view(np.uint8), (half, half), interpolation=cv2.INTER_NEAREST) > 0
                    seen[rows, columns] = shrunk[:, ::-1] if flip else shrunk
        if not masks[:, 0].any(axis=(1, 2)).all():
            return sample
        return replace(sample, frames=frames, masks=masks)


@dataclass(frozen=True, slots=True)
class OnFrames:
    """A change of the frames alone, [T,S,S,3] uint8."""

    function: Callable[[np.random.Generator, np.ndarray], np.ndarray]

    def __call__(self, rng: np.random.Generator, sample: Sample) -> Sample:
        return replace(sample, frames=self.function(rng, sample.frames))


class Augmented:
    """A source whose samples go through changes, in their order."""

    def __init__(self, source: Source, changes: Sequence[Change]) -> None:
        self._source = source
        self._changes = tuple(changes)
        self.name = source.name

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw, and change."""
        sample = self._source.sample(rng, length, size, objects)
        for change in self._changes:
            sample = change(rng, sample)
        return sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """All that varies the samples of a data set.

    Attributes
    ----------
    stills, clips: what is shown of a picture, and of a filmed clip.
    changes: of every sample, in their order.
    still_mosaics: share of stills that are mosaics of four views.
    max_stride: at most every so many-th annotated frame of a filmed clip is taken.
    reverse: probability that a filmed clip runs backward.
    vanishing: share of clips that lose sight of their objects for a while.
    least: objects that cover a smaller share of the first frame are not prompted.
    """

    stills: Framing = field(default_factory=Whole)
    clips: Framing = field(default_factory=Whole)
    changes: tuple[Change, ...] = ()
    still_mosaics: float = 0.0
    max_stride: int = 1
    reverse: float = 0.5
    vanishing: float = 0.0
    least: float = MIN_VISIBLE_SHARE


TILTED = Whole(turn=25, shear=20)

PLAIN = Augmentation(stills=Whole(flip=0), clips=Whole(flip=0), reverse=0)
"""Pictures as they are."""

FLIPPED = Augmentation(reverse=0)
"""Image pre-training (SAM 2, appendix D.2.1): mirror images only."""

CROPPED = Augmentation(stills=RandomCrop(min_share=0.2), reverse=0)
"""Masked auto-encoding (arXiv 2111.06377, table 8): views of at least a fifth of a picture, and mirror images."""

PUBLISHED = Augmentation(stills=TILTED, clips=TILTED, changes=(Jitter(), Grayscale(), FrameJitter(), Mosaic()))
"""Full training and fine-tuning of SAM 2 (appendix D.2.2, and its released training configuration)."""

STRONG = Augmentation(
    stills=RandomCrop(min_share=0.35),
    clips=RandomCrop(min_share=0.4),
    changes=(OnFrames(jitter_colours), OnFrames(blur_some)),
    still_mosaics=0.35,
    max_stride=5,
    vanishing=0.25,
    least=MIN_TARGET_SHARE,
)
"""What the bundled model learns with: little data, seen in many ways."""

AUGMENTATIONS = {"plain": PLAIN, "flipped": FLIPPED, "cropped": CROPPED, "published": PUBLISHED, "strong": STRONG}


def _recoloured(frame: np.ndarray, brightness: float, contrast: float, saturation: float) -> np.ndarray:
    """A frame [S,S,3] uint8 with its brightness, its distance from its mean grey, and from each grey, multiplied."""
    frame = cv2.convertScaleAbs(frame, alpha=brightness)
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    levels = np.arange(256, dtype=np.float32)
    table = np.clip((levels - grey.mean()) * contrast + grey.mean() + 0.5, 0, 255).astype(np.uint8)
    frame = np.asarray(cv2.LUT(frame, table), np.uint8)
    grey = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(frame, saturation, grey, 1 - saturation, 0), np.uint8)
