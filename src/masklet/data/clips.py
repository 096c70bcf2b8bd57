"""Samples of several frames, from filmed clips with masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masklet.data.footage import MaskedClip, check_fit
from masklet.data.framing import Framing, RandomCrop, keeping
from masklet.data.mixture import shares_of
from masklet.data.samples import MIN_TARGET_SHARE, Sample, promptable
from masklet.data.stills import TRIES


class ClipSource:
    """Samples from filmed clips: random start, stride, direction of time and view.

    Parameters
    ----------
    clips: at least one.
    max_stride: at most every so many-th annotated frame is taken.
    reverse: probability that time runs backward.
    framing: what is shown of the frames.
    least: objects that cover a smaller share of the first frame are not prompted.
    weights: how often each clip is drawn, in proportion; None: all alike.

    Raises
    ------
    ValueError: no clips, or weights that are not one positive number a clip.
    """

    name = "clips"

    def __init__(
        self,
        clips: Sequence[MaskedClip],
        *,
        max_stride: int = 5,
        reverse: float = 0.5,
        framing: Framing | None = None,
        least: float = MIN_TARGET_SHARE,
        weights: Sequence[float] | None = None,
    ) -> None:
        if not clips:
            raise ValueError("a clip source needs at least one clip")
        if weights is not None and len(weights) != len(clips):
            raise ValueError(f"expected a weight for each of {len(clips)} clips, got {len(weights)}")
        if max_stride < 1:
            raise ValueError(f"max_stride is 1 or more, got {max_stride}")
        self._clips = clips
        self._shares = None if weights is None else shares_of(weights)
        self._max_stride = max_stride
        self._reverse = reverse
        self._least = least
        self._framing = framing or RandomCrop(min_share=0.4)

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        """Draw `length` frames in which at least one object has a usable size in the first."""
        longest = 0
        for _ in range(TRIES):
            clip = self._clips[int(rng.choice(len(self._clips), p=self._shares))]
            longest = max(longest, len(clip))
            places = self._places(rng, len(clip), length)
            if places is None:
                continue
            sample = self._cut(rng, clip, places, size, objects)
            if sample is not None:
                return sample
        if longest < length:
            raise ValueError(f"no clip of {TRIES} drawn has {length} annotated frames; the longest has {longest}")
        raise ValueError(f"no object of usable size in {TRIES} draws of {length} frames")

    def _places(self, rng: np.random.Generator, count: int, length: int) -> list[int] | None:
        """Which `length` of `count` annotated frames; None where there are too few."""
        if count < length:
            return None
        reach = (count - 1) // max(length - 1, 1)
        stride = int(rng.integers(1, max(1, min(self._max_stride, reach)) + 1))
        span = stride * (length - 1) + 1
        start = int(rng.integers(0, count - span + 1))
        places = list(range(start, start + span, stride))
        return places[::-1] if rng.random() < self._reverse else places

    def _cut(
        self, rng: np.random.Generator, clip: MaskedClip, places: list[int], size: int, objects: int
    ) -> Sample | None:
        """The sample; None where no object can be prompted in its first frame."""
        first = {i: mask for i, mask in clip.masks(places[0]).items() if mask.any()}
        if not first:
            return None
        ids = np.array(list(first))
        crop = self._framing(rng, *next(iter(first.values())).shape)
        level = np.stack([crop.upright.view(mask, size) for mask in first.values()])
        chosen = ids[rng.permutation(promptable(level, self._least))[:objects]].tolist()
        if not chosen:
            return None
        crop, seen = keeping(crop, np.stack([first[i] for i in chosen]), size)
        masks = np.zeros((len(chosen), len(places), size, size), bool)
        masks[:, 0] = seen
        for time, place in enumerate(places[1:], start=1):
            found = clip.masks(place)
            for number, object_id in enumerate(chosen):
                if object_id in found:
                    masks[number, time] = crop.view(found[object_id], size)
        frames = clip.frames(places)
        check_fit(clip, frames[0], next(iter(first.values())))
        return Sample(frames=np.stack([crop.apply(frame, size) for frame in frames]), masks=masks, source=clip.name)
