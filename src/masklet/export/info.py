"""What a file of masks says about its video, and the masks together with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from masklet.masks import Masklet
from masklet.media import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """The video (or picture: one frame) that masks belong to.

    Args:
        name: of the source, without its folder.
        height, width: of the frames in pixels.
        frame_count: number of frames; masks have frames 0..frame_count - 1.
        fps: average frames a second; None where it is not known.
        timestamps: seconds of each frame; None where they are not known.
        frame_names: names of the frames without suffix, where they are not the numbers 00000, 00001, ...
        model: name of the model that made the masks, if one did.

    Raises:
        ValueError: a size or frame count below 1, an fps that is not positive, times or names that are not one a
            frame, or a name that occurs twice.
    """

    name: str
    height: int
    width: int
    frame_count: int
    fps: float | None = None
    timestamps: tuple[float, ...] | None = None
    frame_names: tuple[str, ...] | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1 or self.frame_count < 1:
            raise ValueError(
                f"a video has at least 1 frame of 1x1, got {self.frame_count} of {self.height}x{self.width}"
            )
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"fps is a positive number, got {self.fps}")
        for what, values in (("times", self.timestamps), ("names", self.frame_names)):
            if values is not None and len(values) != self.frame_count:
                raise ValueError(f"expected {self.frame_count} frame {what}, got {len(values)}")
        if self.frame_names is not None and len(set(self.frame_names)) != self.frame_count:
            raise ValueError("frame names occur once each, got one twice")

    @classmethod
    def from_clip(cls, clip: Clip, *, model: str | None = None) -> VideoInfo:
        """Describe a clip."""
        count = len(clip)
        names = tuple(clip.frame_name(i) for i in range(count))
        return cls(
            name=clip.name,
            height=clip.height,
            width=clip.width,
            frame_count=count,
            fps=clip.fps,
            timestamps=tuple(float(time) for time in clip.timestamps),
            frame_names=None if names == tuple(_number(i) for i in range(count)) else names,
            model=model,
        )

    def frame_name(self, frame: int) -> str:
        """The name of a frame's file without suffix."""
        return _number(frame) if self.frame_names is None else self.frame_names[frame]

    def check(self, masklets: Sequence[Masklet]) -> None:
        """Raise ValueError unless the masklets fit this video: their size, their frames, each id once."""
        seen: set[int] = set()
        for masklet in masklets:
            if (masklet.height, masklet.width) != (self.height, self.width):
                raise ValueError(
                    f"object {masklet.object_id}: expected masks of {self.height}x{self.width} (height x width), "
                    f"got {masklet.height}x{masklet.width}"
                )
            if masklet.object_id in seen:
                raise ValueError(f"object {masklet.object_id} occurs twice")
            seen.add(masklet.object_id)
            if masklet.frames and masklet.frames[-1] >= self.frame_count:
                raise ValueError(
                    f"object {masklet.object_id} has a mask at frame {masklet.frames[-1]}, "
                    f"but {self.name} ends with frame {self.frame_count - 1}"
                )

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> VideoInfo:
        """Read what `to_json` wrote. Raises ValueError for missing or unknown keys and values of another type."""
        expected = set(cls.__dataclass_fields__)
        if set(fields) != expected:
            missing, unknown = sorted(expected - set(fields)), sorted(set(fields) - expected)
            raise ValueError(f"video: missing keys {missing}, unknown keys {unknown}")
        values = dict(fields)
        for key in ("height", "width", "frame_count"):
            if type(values[key]) is not int:
                raise ValueError(f"video: expected {key} as a whole number, got {values[key]!r}")
        for key, kind in (("name", str), ("model", str), ("fps", (int, float))):
            if not isinstance(values[key], kind) and (key == "name" or values[key] is not None):
                raise ValueError(f"video: {key} is of the wrong type: {values[key]!r}")
        for key, kind in (("timestamps", (int, float)), ("frame_names", str)):
            if values[key] is not None:
                if not isinstance(values[key], list) or not all(isinstance(item, kind) for item in values[key]):
                    raise ValueError(f"video: {key} is of the wrong type")
                values[key] = tuple(values[key])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """The masks of one video as a file holds them.

    Args:
        info: the video.
        masklets: its objects, ascending ids.
        extra: what the file's format knows beyond that, by its own keys (SA-V's split and environment, for one).
    """

    info: VideoInfo
    masklets: tuple[Masklet, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.info.check(self.masklets)


def frames_looked_at(masklets: Iterable[Masklet]) -> list[int]:
    """The frames that any of the masklets holds, ascending."""
    return sorted({frame for masklet in masklets for frame in masklet.frames})


def _number(frame: int) -> str:
    return f"{frame:05d}"
