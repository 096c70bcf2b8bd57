"""Predictions of a video, kept while they come and written whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.export.info import VideoInfo
from masklet.export.object_png import write_object_pngs
from masklet.export.palette_png import write_palette_pngs
from masklet.masks import FrameMask, Masklet
from masklet.metrics.predictors import Frame


class Keeper:
    """The masks of a video's objects, as run lengths."""

    def __init__(self) -> None:
        self._masklets: dict[int, Masklet] = {}

    def add(self, frame: int, found: Frame) -> None:
        """Keep a frame; given again, the later one counts."""
        for number, predicted in found.items():
            if number not in self._masklets:
                self._masklets[number] = Masklet(number, *predicted.mask.shape)
            self._masklets[number].add(FrameMask.given(frame, predicted.mask), replace=True)

    def masks(self, frame: int) -> dict[int, Mask]:
        """Object id -> [H, W] bool, of the objects that have a mask on the frame."""
        return {i: masklet.mask(frame) for i, masklet in self._masklets.items() if frame in masklet}

    def write(self, place: Path, video: AnnotatedVideo, length: int, *, overlap: bool) -> None:
        """The first `length` frames as a folder, which appears whole; where an object has no mask, an empty one.

        One palette picture a frame (DAVIS, YouTube-VOS), in which the lowest id has the pixels that several claim; or,
        where masks may `overlap`, one black and white picture for each object and frame (SA-V).
        """
        some = next(iter(self._masklets.values()))
        empty = np.zeros((some.height, some.width), bool)
        for masklet in self._masklets.values():
            for frame in range(length):
                if frame not in masklet:
                    masklet.add(FrameMask.given(frame, empty))
        info = VideoInfo(
            name=video.name,
            height=some.height,
            width=some.width,
            frame_count=len(video),
            frame_names=video.stems,
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        write = write_object_pngs if overlap else write_palette_pngs
        write(place, [self._masklets[number] for number in sorted(self._masklets)], info, overwrite=True)
