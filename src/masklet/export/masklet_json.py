"""The project's own format: everything that is known about the masks of one video, in one JSON file.

    {"format": "masklet", "version": 1, "video": {...VideoInfo...}, "objects": [...Masklet...]}

Masks are COCO compressed run lengths. It is lossless: the other formats are made from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from masklet.export.files import StrPath, check_keys, naming, read_json, write_json
from masklet.export.info import Annotation, VideoInfo
from masklet.masks import Masklet

_VERSION = 1


def write_masklet_json(path: StrPath, masklets: Sequence[Masklet], info: VideoInfo) -> None:
    """Write masklets and their video to `path`, atomically.

    Raises:
        ValueError: masklets that don't fit the video. MediaError: the file cannot be written.
    """
    info.check(masklets)
    objects = [masklet.to_json() for masklet in sorted(masklets, key=lambda masklet: masklet.object_id)]
    write_json(path, {"format": "masklet", "version": _VERSION, "video": info.to_json(), "objects": objects})


def read_masklet_json(path: StrPath) -> Annotation:
    """Read what `write_masklet_json` wrote.

    Raises:
        FormatError: no such file, another format or version, keys missing or unknown, masks that don't fit.
    """
    value = read_json(path)
    with naming(path):
        if value.get("format") != "masklet" or value.get("version") != _VERSION:
            came = f"format {value.get('format')!r}, version {value.get('version')!r}"
            raise ValueError(f"expected format 'masklet', version {_VERSION}, got {came}")
        check_keys(value, ("format", "version", "video", "objects"), (), "the file")
        if not isinstance(value["objects"], list):
            raise ValueError("'objects' is a list")
        info = VideoInfo.from_json(check_keys(value["video"], (), None, "'video'"))
        return Annotation(info=info, masklets=tuple(Masklet.from_json(item) for item in value["objects"]))
