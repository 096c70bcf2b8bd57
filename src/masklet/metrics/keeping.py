"""Predictions of a video, kept while they come and written whole."""

from __future__ import annotations

from pathlib import Path

from masklet.data.layouts.annotations import BINARY, LabelAnnotations, ObjectAnnotations
from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.export.info import VideoInfo
from masklet.export.object_png import write_object_pngs
from masklet.export.palette_png import write_palette_pngs
from masklet.masks import FrameMask, Masklet, Rle
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

    def write(self, place: Path, video: AnnotatedVideo, length: int) -> None:
        """The first `length` frames as a folder, which appears whole; where an object has no mask, an empty one.

        In the layout of the ground truth, for its evaluators and servers: one palette picture a frame, in which the
        lowest id has the pixels that several claim, and a single object is white where it is so in the truth; or, where
        masks may overlap, one black and white picture for each object and frame (SA-V).
        """
        masklets = [self._masklets[number] for number in sorted(self._masklets)]
        size = masklets[0].height, masklets[0].width
        for masklet in masklets:
            for frame in range(length):
                if frame not in masklet:
                    masklet.add(FrameMask.given(frame, Rle.empty(*size)))
        info = VideoInfo(
            name=video.name, height=size[0], width=size[1], frame_count=len(video), frame_names=video.stems
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        if overlapping(video):
            write_object_pngs(place, masklets, info, overwrite=True)
            return
        if isinstance(video.annotations, LabelAnnotations) and video.annotations.white:
            (masklet,) = masklets
            masklets = [Masklet(BINARY, *size, masklet)]
        write_palette_pngs(place, masklets, info, overwrite=True)


def overlapping(video: AnnotatedVideo) -> bool:
    """Whether masks of several objects may overlap: where the truth has one picture an object (SA-V). Else each pixel
    is given to one object, as in the truth."""
    return isinstance(video.annotations, ObjectAnnotations)
