"""Clips with effects: as video, with alpha where something is cut out, and single frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from masklet.export.cutout import with_alpha
from masklet.export.effect_looks import FloatBox, apply_effects, draw_effects, to_bytes
from masklet.export.effects import Effect, Follow, check_targets, has_alpha
from masklet.export.files import StrPath
from masklet.export.info import VideoInfo
from masklet.export.pixels import masks_at, pictures, span
from masklet.export.text import Picture
from masklet.masks import Masklet
from masklet.media import Clip, VideoWriter
from masklet.media.writer import VideoCodec

SMOOTHING = 4
"""Text follows the mean box of so many frames to both sides, near ones counting more."""

_CODECS: dict[str, VideoCodec] = {".mp4": "h264", ".webm": "vp9", ".mov": "prores4444"}


def effects_file(effects: Sequence[Effect]) -> str:
    """The name for a video with effects: `effects.mp4`, or `effects.webm` where something may be transparent."""
    return "effects.webm" if has_alpha(effects) else "effects.mp4"


def write_effects_video(
    path: StrPath,
    masklets: Sequence[Masklet],
    clip: Clip,
    effects: Sequence[Effect],
    *,
    start: int | None = None,
    stop: int | None = None,
) -> None:
    """Write the clip with effects, atomically. Times are the clip's.

    Args:
        path: .mp4 (H.264, without alpha), .webm (VP9) or .mov (ProRes 4444); the latter two keep alpha.
        masklets: all objects of the clip; "background" is what none of them covers.
        effects: see `masklet.export.effects`.
        start, stop: frames start..stop-1; default: from the first to the last frame that any masklet holds.

    Raises:
        ValueError: another suffix, a cut-out in an .mp4, an effect for an object that is not there, masklets that
            don't fit the clip, no frames in the range; and what `apply_effects` raises.
        MediaError: a frame cannot be read, or the file not written.
    """
    codec = _CODECS.get(Path(path).suffix.lower())
    if codec is None:
        raise ValueError(f"a video with effects is a .mp4, .webm or .mov, got {Path(path).name}")
    alpha = has_alpha(effects)
    if alpha and codec == "h264":
        raise ValueError(f"a cut-out needs alpha: expected a .webm or .mov, got {Path(path).name}")
    check_targets(effects, (masklet.object_id for masklet in masklets))
    frames = span(masklets, clip, start, stop)
    with VideoWriter(path, clip.fps, clip.width, clip.height, codec, alpha=alpha) as writer:
        for frame, picture, time in pictures(clip, frames):
            boxes = followed_boxes(masklets, frame, effects)
            canvas = draw_effects(picture, masks_at(masklets, frame), effects, boxes=boxes)
            result = canvas.colours
            if canvas.opacity is not None:
                result = with_alpha(result, to_bytes(canvas.opacity * 255), bleed=True)
            writer.write(result, time)


def picture_with_effects(masklets: Sequence[Masklet], clip: Clip, frame: int, effects: Sequence[Effect]) -> Picture:
    """One frame with effects as HxWx3, or HxWx4 where a cut-out is among them.

    Args:
        masklets: all objects of the clip; to follow smoothly, with the frames around `frame` (`SMOOTHING`).

    Raises:
        ValueError: masklets that don't fit the clip, an effect for an object that is not there; and what
            `apply_effects` raises. IndexError: a frame that is not in the clip. MediaError: it cannot be read.
    """
    VideoInfo.from_clip(clip).check(masklets)
    check_targets(effects, (masklet.object_id for masklet in masklets))
    boxes = followed_boxes(masklets, frame, effects)
    return apply_effects(clip[frame], masks_at(masklets, frame), effects, boxes=boxes)


def followed_boxes(masklets: Sequence[Masklet], frame: int, effects: Sequence[Effect]) -> dict[int, FloatBox]:
    """Object id -> its box in a frame, smoothed over time, of the objects that are there; empty where nothing follows.

    The mean of the boxes within `SMOOTHING` frames, with weights that fall off linearly to both sides.
    """
    if not any(isinstance(effect, Follow) for effect in effects):
        return {}
    boxes = {masklet.object_id: _smooth_box(masklet, frame) for masklet in masklets}
    return {number: box for number, box in boxes.items() if box is not None}


def _smooth_box(masklet: Masklet, frame: int) -> FloatBox | None:
    if frame not in masklet or masklet.bbox(frame) is None:
        return None
    total, sums = 0, [0.0, 0.0, 0.0, 0.0]
    for near in range(frame - SMOOTHING, frame + SMOOTHING + 1):
        box = masklet.bbox(near) if near in masklet else None
        if box is None:
            continue
        weight = SMOOTHING + 1 - abs(near - frame)
        total += weight
        sums = [value + weight * side for value, side in zip(sums, box, strict=True)]
    x0, y0, x1, y1 = (value / total for value in sums)
    return x0, y0, x1, y1
