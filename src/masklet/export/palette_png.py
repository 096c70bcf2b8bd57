"""DAVIS annotations: a folder with one palette PNG a frame, in which a pixel's index is the id of its object.

Specification: DAVIS 2017 (8-bit indexed PNG, index 0 the background). One pixel has one object: where masks overlap,
the object with the **lowest id** keeps the pixel, as in the published SAM 2 tools. Ids run from 1 to 255. A frame in
which no object was looked for gets no file; one in which all objects are absent gets an empty one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from masklet.export.files import FormatError, StrPath, atomic_folder, frame_numbers, picture_files, read_labels
from masklet.export.info import Annotation, VideoInfo, frames_looked_at
from masklet.masks import FrameMask, Masklet
from masklet.masks.palette import davis_palette, voc_palette
from masklet.media import atomic_path


def labels_at(masklets: Sequence[Masklet], frame: int) -> np.ndarray:
    """HxW uint8: the object id of each pixel of a frame, 0 for none, the lowest id where masks overlap.

    Raises:
        ValueError: no masklets, or an id outside 1..255.
    """
    if not masklets:
        raise ValueError("expected at least one masklet, got none")
    labels = np.zeros((masklets[0].height, masklets[0].width), np.uint8)
    for masklet in sorted(masklets, key=lambda masklet: -masklet.object_id):
        if not 1 <= masklet.object_id <= 255:
            raise ValueError(f"a palette picture holds the object ids 1..255, got {masklet.object_id}")
        record = masklet.get(frame)
        if record is not None:
            labels[record.rle.decode()] = masklet.object_id
    return labels


def write_palette_png(path: StrPath, labels: np.ndarray) -> None:
    """Write HxW uint8 labels as a PNG with the DAVIS palette, atomically. Raises MediaError where that fails."""
    image = Image.fromarray(labels)
    image.putpalette(davis_palette().tobytes())
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


def write_palette_pngs(
    folder: StrPath, masklets: Sequence[Masklet], info: VideoInfo, *, overwrite: bool = False
) -> None:
    """Write one palette PNG for each frame that was looked at; see the module for overlaps.

    Raises:
        ValueError: masklets that don't fit the video, none at all, or an id outside 1..255.
        MediaError: the folder has files in it (without `overwrite`) or cannot be written.
    """
    info.check(masklets)
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        for frame in frames_looked_at(masklets):
            write_palette_png(temporary / f"{info.frame_name(frame)}.png", labels_at(masklets, frame))


def read_palette_pngs(folder: StrPath, *, names: Iterable[str] | None = None, check_palette: bool = True) -> Annotation:
    """Read a folder of palette or grey pictures of object ids.

    Each object has a mask for each file, an empty one where its id doesn't occur.

    Args:
        names: the video's frame names without suffix, where they are no plain numbers.
        check_palette: refuse palettes in which a used index has neither its DAVIS nor its PASCAL VOC colour: in such
            a picture the index hardly is an object id.

    Raises:
        FormatError: no folder, no PNG in it, a foreign palette, more than 8 bits, sizes that differ, unknown frames.
        MediaError: a picture that cannot be read, or a colour picture.
    """
    files = picture_files(folder)
    names = None if names is None else tuple(names)
    numbers = frame_numbers(files, names)
    size: tuple[int, int] | None = None
    masklets: dict[int, Masklet] = {}
    for number, file in zip(numbers, files, strict=True):
        labels = read_labels(file, size)
        size = (labels.shape[0], labels.shape[1])
        used = np.unique(labels)
        if check_palette:
            _check_palette(file, used)
        for object_id in used[used > 0].tolist():
            masklet = masklets.setdefault(object_id, Masklet(object_id, *size))
            masklet.add(FrameMask.given(number, labels == object_id))
    assert size is not None
    empty = np.zeros(size, bool)
    for masklet in masklets.values():
        for number in numbers:
            if number not in masklet:
                masklet.add(FrameMask.given(number, empty))
    count = len(names) if names is not None else max(numbers) + 1
    info = VideoInfo(name=Path(folder).name, height=size[0], width=size[1], frame_count=count, frame_names=names)
    return Annotation(info=info, masklets=tuple(masklets[object_id] for object_id in sorted(masklets)))


def _check_palette(file: Path, used: np.ndarray) -> None:
    with Image.open(file) as header:
        if header.mode != "P":
            return
        palette = np.array(header.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    davis, voc = davis_palette(), voc_palette()
    for index in used.tolist():
        colour = palette[index].tolist() if index < len(palette) else None
        if colour not in (davis[index].tolist(), voc[index].tolist()):
            raise FormatError(
                f"{file}: not the palette of DAVIS: index {index} is {colour}, expected {davis[index].tolist()}; "
                "are the indices object ids?"
            )
