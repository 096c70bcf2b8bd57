"""Per-object PNGs: `FOLDER/OBJECT/FRAME.png`, black and white, as SA-V's validation and test sets have them.

Unlike palette pictures they keep overlaps and any id. Object folders are named 000, 001, ... (SA-V).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from masklet.export.files import FormatError, StrPath, atomic_folder, frame_numbers, picture_files, read_labels
from masklet.export.info import Annotation, VideoInfo
from masklet.masks import FrameMask, Masklet
from masklet.media import write_image


def write_object_pngs(
    folder: StrPath, masklets: Sequence[Masklet], info: VideoInfo, *, overwrite: bool = False
) -> None:
    """Write a 1-bit PNG for each object and each frame in which it was looked for, empty where it is absent.

    Raises:
        ValueError: masklets that don't fit the video.
        MediaError: the folder has files in it (without `overwrite`) or cannot be written.
    """
    info.check(masklets)
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        for masklet in masklets:
            (temporary / f"{masklet.object_id:03d}").mkdir()
            for record in masklet:
                name = f"{info.frame_name(record.frame)}.png"
                write_image(temporary / f"{masklet.object_id:03d}" / name, record.rle.decode())


def read_object_pngs(folder: StrPath, *, names: Iterable[str] | None = None) -> Annotation:
    """Read `FOLDER/OBJECT/FRAME.png`; a pixel that isn't 0 belongs to the object.

    Args:
        names: the video's frame names without suffix, where they are no plain numbers.

    Raises:
        FormatError: no folder, an object folder that is no number or has no PNG, more than two values or more than 8
            bits in a picture, sizes that differ, unknown frames.
        MediaError: a picture that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    names = None if names is None else tuple(names)
    places = sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    if not places:
        raise FormatError(f"{folder}: holds no object folders")
    size: tuple[int, int] | None = None
    masklets: dict[int, Masklet] = {}
    for place in places:
        if not place.name.isdecimal():
            raise FormatError(f"{place}: an object folder is named by its id, a whole number")
        object_id = int(place.name)
        if object_id in masklets:
            raise FormatError(f"{place}: a second folder of object {object_id}")
        files = picture_files(place)
        for number, file in zip(frame_numbers(files, names), files, strict=True):
            labels = read_labels(file, size)
            size = (labels.shape[0], labels.shape[1])
            values = np.unique(labels)
            if (values > 0).sum() > 1:
                raise FormatError(f"{file}: expected 0 and one other value, got {values[:5].tolist()}")
            masklets.setdefault(object_id, Masklet(object_id, *size)).add(FrameMask.given(number, labels > 0))
    assert size is not None
    count = len(names) if names is not None else 1 + max(masklet.frames[-1] for masklet in masklets.values())
    info = VideoInfo(name=folder.name, height=size[0], width=size[1], frame_count=count, frame_names=names)
    return Annotation(info=info, masklets=tuple(masklets[object_id] for object_id in sorted(masklets)))
