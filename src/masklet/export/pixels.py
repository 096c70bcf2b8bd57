"""A clip's frames beside the masks on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from masklet.export.info import VideoInfo, frames_looked_at
from masklet.export.text import Picture
from masklet.masks import Masklet, Rle
from masklet.media import Clip


def span(masklets: Sequence[Masklet], clip: Clip, start: int | None, stop: int | None) -> range:
    """The frames to write: start..stop-1, by default from the first to the last that any masklet holds.

    Raises:
        ValueError: masklets that don't fit the clip, a range that is empty or leaves the clip.
    """
    VideoInfo.from_clip(clip).check(masklets)
    held = frames_looked_at(masklets)
    if not held and (start is None or stop is None):
        raise ValueError("no masks to write: no masklet has a frame")
    first = held[0] if start is None else start
    end = held[-1] + 1 if stop is None else stop
    if not 0 <= first < end <= len(clip):
        raise ValueError(f"expected frames within 0..{len(clip)} of {clip.name}, got {first}..{end}")
    return range(first, end)


def pictures(clip: Clip, frames: range) -> Iterator[tuple[int, Picture, float | None]]:
    """Frame, picture and time of each of `frames`; the times are None where the frame rate is constant."""
    times = [float(clip.timestamps[frame]) for frame in frames]
    # A millisecond: containers round times to their own clock, often to whole milliseconds.
    steady = all(abs(b - a - 1 / clip.fps) < 1e-3 for a, b in pairwise(times))
    for i, (frame, picture) in enumerate(zip(frames, clip.frames(frames.start, frames.stop), strict=True)):
        yield frame, picture, None if steady else times[i] - times[0]


def masks_at(masklets: Sequence[Masklet], frame: int) -> dict[int, Rle]:
    """Object id -> mask, of the objects that have one in a frame."""
    return {masklet.object_id: record.rle for masklet in masklets if (record := masklet.get(frame))}
