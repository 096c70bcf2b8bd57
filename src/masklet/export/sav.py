"""SA-V's JSON: one file a video with `masklet[frame][object]` as COCO run lengths, and one statistic an object.

SA-V annotates every 4th frame of its 24 fps videos (6 fps). All counts of frames in the file, and
`masklet_first_appeared_frame`, are in annotated frames; the sizes are means over the annotated frames in which the
object is visible, visibility changes count from the first of them on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from masklet.export.files import StrPath, check_keys, naming, read_json, whole, within, write_json
from masklet.export.info import Annotation, VideoInfo
from masklet.masks import FrameMask, Masklet, Rle

SAV_FPS = 24.0
SAV_EVERY = 4

_VIDEO_KEYS = (
    "video_id",
    "video_duration",
    "video_frame_count",
    "video_height",
    "video_width",
    "video_resolution",
    "video_environment",
    "video_split",
)
_STATISTICS = (
    "masklet_size_rel",
    "masklet_size_abs",
    "masklet_size_bucket",
    "masklet_visibility_changes",
    "masklet_first_appeared_frame",
    "masklet_frame_count",
)
_OBJECT_KEYS = ("masklet_id", *_STATISTICS, "masklet_edited_frame_count", "masklet_type")
_EXTRA_KEYS = (
    "video_environment",
    "video_split",
    "masklet_edited_frame_count",
    "masklet_type",
    "masklet_stability_score",
)
_KEYS = (*_VIDEO_KEYS, "masklet", *_OBJECT_KEYS, "masklet_stability_score", "masklet_num")


def write_sav_json(
    path: StrPath,
    masklets: Sequence[Masklet],
    info: VideoInfo,
    *,
    every: int = SAV_EVERY,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write masklets as SA-V has them, atomically.

    Args:
        every: annotate each `every`-th frame of the video, from frame 0 on; 1 for all. A masklet without a mask
            at such a frame gets an empty one.
        extra: values for `video_environment`, `video_split`, `masklet_type` ("manual" or "auto", one an object),
            `masklet_edited_frame_count` (one an object; default: its prompted frames) and `masklet_stability_score`
            (None an object, or [frame][object]), which masklets don't know.

    Raises:
        ValueError: masklets that don't fit the video, `every` below 1, or extra values that are unknown or don't fit.
        MediaError: the file cannot be written.
    """
    info.check(masklets)
    if every < 1:
        raise ValueError(f"every n-th frame: n is 1 or more, got {every}")
    masklets = sorted(masklets, key=lambda masklet: masklet.object_id)
    frames = range(0, info.frame_count, every)
    empty = Rle.empty(info.height, info.width)
    table = [[record.rle if (record := m.get(frame)) else empty for m in masklets] for frame in frames]
    statistics = [_statistics([row[i] for row in table]) for i in range(len(masklets))]
    value: dict[str, Any] = {
        "video_id": info.name,
        "video_duration": info.frame_count / (info.fps or SAV_FPS),
        "video_frame_count": float(info.frame_count),
        "video_height": float(info.height),
        "video_width": float(info.width),
        "video_resolution": float(info.height * info.width),
        "video_environment": "",
        "video_split": "",
        "masklet": [[rle.to_coco() for rle in row] for row in table],
        "masklet_id": [masklet.object_id for masklet in masklets],
        **{key: [statistic[key] for statistic in statistics] for key in _STATISTICS},
        "masklet_edited_frame_count": [sum(record.prompted for record in masklet) for masklet in masklets],
        "masklet_type": ["manual"] * len(masklets),
        "masklet_stability_score": [None] * len(masklets),
        "masklet_num": len(masklets),
    }
    given = check_keys(dict(extra or {}), (), _EXTRA_KEYS, "the extra values")
    _check_extra(given, len(masklets), len(frames))
    write_json(path, value | given)


def read_sav_json(path: StrPath, *, every: int | None = None) -> Annotation:
    """Read a `*_manual.json` or `*_auto.json` of SA-V. An object's masks stand at their frames of the video.

    The annotation's `extra` holds what `write_sav_json` takes as such.

    Args:
        every: which frames are annotated, each n-th; default: as the counts of frames tell, 6 fps where they
            leave a choice.

    Raises:
        FormatError: no such file, keys missing or unknown, lists of the wrong length, masks of another size.
    """
    value = read_json(path)
    with naming(path):
        check_keys(value, _KEYS, (), "an SA-V file")
        name = value["video_id"]
        if not isinstance(name, str):
            raise ValueError(f"video_id is a string, got {name!r}")
        height, width = whole(value["video_height"], "video_height"), whole(value["video_width"], "video_width")
        frame_count = whole(value["video_frame_count"], "video_frame_count")
        duration = value["video_duration"]
        if not isinstance(duration, (int, float)) or not duration > 0:
            raise ValueError(f"video_duration is a positive number of seconds, got {duration!r}")
        fps = frame_count / duration
        info = VideoInfo(name=name, height=height, width=width, frame_count=frame_count, fps=fps)
        count = whole(value["masklet_num"], "masklet_num")
        for key in _OBJECT_KEYS:
            if not isinstance(value[key], list) or len(value[key]) != count:
                raise ValueError(f"{key} is a list of masklet_num = {count} values")
        table = value["masklet"]
        if not isinstance(table, list) or not all(isinstance(row, list) and len(row) == count for row in table):
            raise ValueError(f"masklet is a list of frames with {count} masks each")
        extra = {key: value[key] for key in _EXTRA_KEYS}
        _check_extra(extra, count, len(table))
        every = _infer_every(frame_count, len(table), fps, every)
        masklets: list[Masklet] = []
        for i, object_id in enumerate(value["masklet_id"]):
            masklet = Masklet(whole(object_id, "masklet_id"), height, width)
            for place, row in enumerate(table):
                with within(f"masklet[{place}][{i}]"):
                    masklet.add(FrameMask.given(place * every, Rle.from_coco(row[i])))
            masklets.append(masklet)
        masklets.sort(key=lambda masklet: masklet.object_id)
        return Annotation(info=info, masklets=tuple(masklets), extra=extra)


def _statistics(rles: Sequence[Rle]) -> dict[str, Any]:
    """The file's statistics of one object from its masks at the annotated frames."""
    areas = [rle.area for rle in rles]
    visible = [area > 0 for area in areas]
    first = visible.index(True) if any(visible) else 0
    size = sum(areas) / max(sum(visible), 1)
    rest = visible[first:]
    return {
        "masklet_size_rel": size / (rles[0].height * rles[0].width),
        "masklet_size_abs": size,
        # The bounds are COCO's: 32 and 96 pixels squared.
        "masklet_size_bucket": "small" if size < 32**2 else "medium" if size < 96**2 else "large",
        "masklet_visibility_changes": sum(a != b for a, b in pairwise(rest)),
        "masklet_first_appeared_frame": first,
        "masklet_frame_count": len(rles),
    }


def _check_extra(extra: Mapping[str, Any], objects: int, frames: int) -> None:
    def check(key: str, fits: Callable[[Any], bool], expected: str) -> None:
        if key in extra and not fits(extra[key]):
            raise ValueError(f"{key}: expected {expected}, got {extra[key]!r:.80}")

    def one_each(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
        return lambda values: isinstance(values, list) and len(values) == objects and all(map(fits, values))

    def scores(values: Any) -> bool:
        if one_each(lambda item: item is None)(values):
            return True
        numbers = one_each(lambda item: isinstance(item, (int, float)) and math.isfinite(item))
        return isinstance(values, list) and len(values) == frames and all(map(numbers, values))

    check("video_environment", lambda value: isinstance(value, str), "a string")
    check("video_split", lambda value: isinstance(value, str), "a string")
    kinds = one_each(lambda item: item in ("manual", "auto"))
    check("masklet_type", kinds, f"{objects} times 'manual' or 'auto'")
    counts = one_each(lambda item: isinstance(item, int) and item >= 0)
    check("masklet_edited_frame_count", counts, f"{objects} whole numbers")
    check("masklet_stability_score", scores, f"{objects} times null, or {frames} lists of {objects} numbers")


def _infer_every(frame_count: int, annotated: int, fps: float, every: int | None) -> int:
    """The n for which each n-th of `frame_count` frames makes `annotated` frames."""
    if annotated < 1:
        raise ValueError("expected at least one annotated frame, got none")
    usual = max(1, round(fps * SAV_EVERY / SAV_FPS))
    choices = [every] if every is not None else [usual, *range(1, frame_count + 1)]
    for n in choices:
        if n >= 1 and math.ceil(frame_count / n) == annotated:
            return n
    wanted = "any number" if every is None else str(every)
    raise ValueError(f"{annotated} annotated frames don't fit each n-th of {frame_count} frames for n = {wanted}")
