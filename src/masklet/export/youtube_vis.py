"""YouTube-VIS JSON: one annotation an object with a segmentation (or null) for every frame of its video.

Specification: YouTube-VIS 2019/2021 annotations. Segmentations are compressed run lengths; an object that isn't
visible in a frame, or that nobody looked for there, is null. Beyond it, an annotation has its `object_id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from masklet.export.coco import About, as_list, category_ids, read_about, read_categories, xywh
from masklet.export.files import StrPath, check_keys, naming, read_json, whole, within, write_json
from masklet.export.info import Annotation, VideoInfo
from masklet.masks import FrameMask, Masklet, Rle

_TOP_KEYS = ("info", "licenses")


def write_youtube_vis_json(path: StrPath, masklets: Sequence[Masklet], info: VideoInfo) -> None:
    """Write one video's masklets, atomically; categories are the objects' names ("object" for none).

    Raises:
        ValueError: masklets that don't fit the video. MediaError: the file cannot be written.
    """
    info.check(masklets)
    masklets = sorted(masklets, key=lambda masklet: masklet.object_id)
    categories = category_ids(masklets)
    annotations: list[dict[str, Any]] = []
    for number, masklet in enumerate(masklets, start=1):
        records = [masklet.get(frame) for frame in range(info.frame_count)]
        rles = [record.rle if record and record.rle else None for record in records]
        boxes = [rle.bbox if rle else None for rle in rles]
        annotations.append(
            {
                "id": number,
                "video_id": 1,
                "category_id": categories[masklet.name or "object"],
                "object_id": masklet.object_id,
                "iscrowd": 0,
                "height": info.height,
                "width": info.width,
                "length": info.frame_count,
                "segmentations": [rle.to_coco() if rle else None for rle in rles],
                "bboxes": [xywh(box) if box else None for box in boxes],
                "areas": [rle.area if rle else None for rle in rles],
            }
        )
    files = [f"{Path(info.name).stem}/{info.frame_name(frame)}.jpg" for frame in range(info.frame_count)]
    video = {"id": 1, "height": info.height, "width": info.width, "length": info.frame_count, "file_names": files}
    value = {
        "info": {"description": info.name, "fps": info.fps, "model": info.model},
        "licenses": [],
        "videos": [video],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    write_json(path, value)


def read_youtube_vis_json(path: StrPath, *, video: int | None = None) -> Annotation:
    """Read one video's masklets; null becomes an empty mask of an object that isn't visible.

    Args:
        video: the id of the video in the file; may be left out where there is only one.

    Raises:
        FormatError: no such file, keys missing or unknown, no such video, unknown video or category ids, lists that
            don't have one entry a frame, masks of another size.
    """
    value = read_json(path)
    with naming(path):
        check_keys(value, ("videos", "annotations", "categories"), _TOP_KEYS, "a YouTube-VIS file")
        about = read_about(value.get("info"))
        names = read_categories(value["categories"])
        videos: dict[int, dict[str, Any]] = {}
        for item in as_list(value["videos"], "videos"):
            fields = check_keys(item, ("id", "height", "width", "file_names"), None, "a video")
            videos[whole(fields["id"], "a video's id")] = fields
        if video is None and len(videos) != 1:
            raise ValueError(f"the file holds {len(videos)} videos: say which, by its id")
        number = next(iter(videos)) if video is None else video
        if number not in videos:
            raise ValueError(f"no video has the id {number}; there are {sorted(videos)[:10]}")
        info = _video_info(videos[number], about, Path(path).stem)
        masklets: dict[int, Masklet] = {}
        for item in as_list(value["annotations"], "annotations"):
            needed = ("id", "video_id", "category_id", "segmentations")
            fields = check_keys(item, needed, None, "an annotation")
            with within(f"annotation {fields['id']}"):
                if fields["video_id"] not in videos:
                    raise ValueError(f"no video has the id {fields['video_id']!r}")
                if fields["category_id"] not in names:
                    raise ValueError(f"no category has the id {fields['category_id']!r}")
                if fields["video_id"] == number:
                    masklet = _read_masklet(fields, info, names[fields["category_id"]])
                    if masklet.object_id in masklets:
                        raise ValueError(f"object {masklet.object_id} occurs twice")
                    masklets[masklet.object_id] = masklet
        return Annotation(info=info, masklets=tuple(masklets[object_id] for object_id in sorted(masklets)))


def _video_info(fields: dict[str, Any], about: About, fallback: str) -> VideoInfo:
    files = [PurePosixPath(str(file)) for file in as_list(fields["file_names"], "a video's file_names")]
    stems = tuple(file.stem for file in files)
    plain = all(stem == f"{frame:05d}" for frame, stem in enumerate(stems))
    folder = files[0].parent.name if files else ""
    return VideoInfo(
        name=about.description or folder or fallback,
        height=whole(fields["height"], "a video's height"),
        width=whole(fields["width"], "a video's width"),
        frame_count=len(files),
        fps=about.fps,
        frame_names=None if plain else stems,
        model=about.model,
    )


def _read_masklet(fields: dict[str, Any], info: VideoInfo, name: str | None) -> Masklet:
    object_id = whole(fields.get("object_id", fields["id"]), "the object's id")
    items = as_list(fields["segmentations"], "segmentations")
    if len(items) != info.frame_count:
        raise ValueError(f"expected {info.frame_count} segmentations, one a frame, got {len(items)}")
    empty = Rle.empty(info.height, info.width)
    records = [
        FrameMask.given(frame, empty if item is None else Rle.from_coco(item)) for frame, item in enumerate(items)
    ]
    return Masklet(object_id, info.height, info.width, records, name=name)
