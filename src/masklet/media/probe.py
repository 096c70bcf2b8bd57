"""What a file of pictures or video is, for `masklet info`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from masklet.media.container import open_container
from masklet.media.folder import ImageFolderClip
from masklet.media.opening import open_clip
from masklet.media.video import VideoClip


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What `probe` found.

    kind : "video", "image" or "images" (several). container : FFmpeg's or Pillow's name of the file format.
    codec, pixel_format : as FFmpeg or Pillow name them. width, height : pixels, upright. rotation : degrees clockwise
    that were applied. frames : exact. duration : seconds from the first frame to the end of the last. fps, fps_min,
    fps_max : average and extremes of the frame rate; 0 for a picture. variable : whether the gaps between frames
    differ by more than the clock's rounding. bit_depth : bits of a colour channel. audio : has sound. damage : what is
    lost, or None.
    """

    path: Path
    kind: Literal["video", "image", "images"]
    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    rotation: int
    frames: int
    duration: float
    fps: float
    fps_min: float
    fps_max: float
    variable: bool
    bit_depth: int
    audio: bool
    damage: str | None


def probe(path: str | os.PathLike[str]) -> MediaInfo:
    """Describe a video, a picture, a folder of pictures or a glob. Raises MediaError if it is none of these."""
    with open_clip(path) as clip:
        if isinstance(clip, VideoClip):
            return _video(Path(path), clip)
        assert isinstance(clip, ImageFolderClip)
        return _images(Path(path), clip)


def _video(path: Path, clip: VideoClip) -> MediaInfo:
    container, stream = open_container(path)
    with container:
        gaps = [b - a for a, b in pairwise(clip.timestamps)]
        tick = float(stream.time_base or 0)
        # A constant rate that the clock cannot express alternates between two neighbouring ticks.
        variable = bool(gaps) and max(gaps) - min(gaps) > 1.5 * tick
        positive = [gap for gap in gaps if gap > 0] if variable else []
        mean = 1 / clip.fps
        components = stream.codec_context.format.components if stream.codec_context.format else ()
        return MediaInfo(
            path=path,
            kind="video",
            container=container.format.name,
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=stream.codec_context.pix_fmt or "",
            width=clip.width,
            height=clip.height,
            rotation=clip.rotation,
            frames=len(clip),
            duration=clip.timestamps[-1] - clip.timestamps[0] + (gaps[-1] if gaps and gaps[-1] > 0 else mean),
            fps=clip.fps,
            fps_min=1 / max(positive) if positive else clip.fps,
            fps_max=1 / min(positive) if positive else clip.fps,
            variable=variable,
            bit_depth=max((component.bits for component in components), default=8),
            audio=bool(container.streams.audio),
            damage=clip.damage,
        )


def _images(path: Path, clip: ImageFolderClip) -> MediaInfo:
    header = clip.header
    several = len(clip) > 1
    return MediaInfo(
        path=path,
        kind="images" if several else "image",
        container=header.format,
        codec=header.format.lower(),
        pixel_format=header.mode,
        width=clip.width,
        height=clip.height,
        rotation=header.rotation,
        frames=len(clip),
        duration=len(clip) / clip.fps if several else 0.0,
        fps=clip.fps if several else 0.0,
        fps_min=clip.fps if several else 0.0,
        fps_max=clip.fps if several else 0.0,
        variable=False,
        bit_depth=header.bit_depth,
        audio=False,
        damage=clip.damage,
    )
