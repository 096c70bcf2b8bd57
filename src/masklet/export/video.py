"""Results to look at: the overlay video and the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from masklet.export.files import StrPath
from masklet.export.info import VideoInfo, frames_looked_at
from masklet.export.overlay import OverlayStyle, draw_masks
from masklet.export.pixels import masks_at, pictures, span
from masklet.export.sheet import contact_sheet
from masklet.masks import Masklet
from masklet.media import Clip, VideoWriter, write_image


def write_overlay_video(
    path: StrPath,
    masklets: Sequence[Masklet],
    clip: Clip,
    *,
    start: int | None = None,
    stop: int | None = None,
    style: OverlayStyle | None = None,
) -> None:
    """Write the clip with masks drawn onto it as H.264 (yuv420p), atomically. Times are the clip's.

    Args:
        path: .mp4, .mov or .mkv.
        start, stop: frames start..stop-1; default: from the first to the last frame that any masklet holds.
        style: see `OverlayStyle`.

    Raises:
        ValueError: masklets that don't fit the clip, no frames in the range.
        MediaError: a frame cannot be read, or the file not written.
    """
    frames = span(masklets, clip, start, stop)
    names = {masklet.object_id: masklet.name for masklet in masklets if masklet.name is not None}
    with VideoWriter(path, clip.fps, clip.width, clip.height, "h264") as writer:
        for frame, picture, time in pictures(clip, frames):
            writer.write(draw_masks(picture, masks_at(masklets, frame), names=names, style=style), time)


def write_contact_sheet(
    path: StrPath,
    masklets: Sequence[Masklet],
    clip: Clip,
    *,
    count: int = 9,
    title: str | None = None,
    style: OverlayStyle | None = None,
) -> None:
    """Write a PNG with up to `count` frames in a grid, masks and prompts drawn onto them.

    The frames are spread evenly over those that any masklet holds; prompted ones are preferred to their neighbours.

    Raises:
        ValueError: masklets that don't fit the clip or hold no frames, or a count below 1.
        MediaError: a frame cannot be read, or the file not written.
    """
    if count < 1:
        raise ValueError(f"a contact sheet has at least 1 frame, got {count}")
    VideoInfo.from_clip(clip).check(masklets)
    frames = frames_looked_at(masklets)
    if not frames:
        raise ValueError("no masks to draw: no masklet has a frame")
    prompts = [prompt for masklet in masklets for prompt in masklet.prompts]
    chosen = choose_frames(frames, {prompt["frame"] for prompt in prompts if "frame" in prompt}, count)
    sheet = contact_sheet(
        [clip[frame] for frame in chosen],
        [masks_at(masklets, frame) for frame in chosen],
        numbers=chosen,
        prompts=[[prompt for prompt in prompts if prompt.get("frame") == frame] for frame in chosen],
        names={masklet.object_id: masklet.name for masklet in masklets if masklet.name is not None},
        title=title,
        style=style,
    )
    write_image(path, sheet)


def choose_frames(frames: Sequence[int], wanted: set[int], count: int) -> list[int]:
    """Up to `count` of the (ascending) `frames`, evenly spread, each moved onto a near `wanted` one if there is any."""
    count = min(count, len(frames))
    places = np.linspace(0, len(frames) - 1, count).round().astype(int).tolist()
    reach = (len(frames) - 1) / max(count - 1, 1) / 2
    chosen = {frames[place] for place in places}
    for frame in sorted(wanted & set(frames) - chosen):
        place = frames.index(frame)
        near = min((p for p in places if frames[p] not in wanted), key=lambda p: abs(p - place), default=None)
        if near is not None and abs(near - place) <= reach and frames[near] in chosen:
            chosen.remove(frames[near])
            chosen.add(frame)
    return sorted(chosen)
