"""Annotated frames of videos as an image set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from masklet.data.layouts.stills import AnnotatedPicture
from masklet.data.sequences import AnnotatedVideo, Annotations, Mask

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRegions:
    """The objects of one frame of a video."""

    annotations: Annotations
    frame: int

    def mask(self, object_id: int) -> Mask:
        return self.annotations.masks(self.frame)[object_id]

    def ignored(self, object_id: int) -> Mask | None:  # noqa: ARG002
        return None

    def files(self) -> list[Path]:
        """All masks of the video: which of them are the frame's is up to the layout."""
        return list(self.annotations.files())


def frames_as_pictures(videos: Sequence[AnnotatedVideo], count: int | None = None) -> list[AnnotatedPicture]:
    """The annotated frames of all videos on which there is an object, named VIDEO/STEM.

    Parameters
    ----------
    count: at most so many frames are looked at, evenly spread over all; None: all.
    """
    frames = [(video, frame) for video in videos for frame in video.annotations.frames]
    found: list[AnnotatedPicture] = []
    for video, frame in spread(frames, count):
        areas = {number: int(mask.sum()) for number, mask in video.annotations.masks(frame).items() if mask.any()}
        if areas:
            regions = FrameRegions(annotations=video.annotations, frame=frame)
            name = f"{video.name}/{video.stems[frame]}"
            found.append(AnnotatedPicture(name=name, path=video.frames[frame], areas=areas, regions=regions))
    return found


def spread(items: Sequence[T], count: int | None) -> list[T]:
    """At most `count` of the items (None: all) at even distances, the first among them.

    Example
    -------
    >>> spread("abcdef", 3)
    ['a', 'c', 'e']
    """
    if count is None or count >= len(items):
        return list(items)
    return [items[index * len(items) // count] for index in range(count)]
