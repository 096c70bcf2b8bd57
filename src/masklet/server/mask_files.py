"""Masks of a video from a file of any format that is exported: which format it is, the file itself says."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from masklet.export import (
    read_coco_json,
    read_masklet_json,
    read_object_pngs,
    read_palette_pngs,
    read_sav_json,
    read_youtube_vis_json,
)
from masklet.export.files import frame_numbers, read_json
from masklet.export.info import VideoInfo
from masklet.masks import Masklet
from masklet.media.images import read_header
from masklet.server import archives
from masklet.server.apart import Unfit

_MOST_OBJECTS = 1000
_PNG = b"\x89PNG\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_JSON_FORMATS = {
    frozenset({"format", "version", "video", "objects"}): read_masklet_json,
    frozenset({"videos", "annotations", "categories"}): read_youtube_vis_json,
    frozenset({"images", "annotations", "categories"}): read_coco_json,
    frozenset({"video_id", "masklet", "masklet_id"}): read_sav_json,
}
"""Keys by which a format is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFile:
    """A file of masks as it came: where it lies, and its name, which counts for a single picture only."""

    path: Path
    name: str


def read_masks(file: MaskFile, video: VideoInfo, scratch: Path, *, frame: int, most_bytes: int) -> tuple[Masklet, ...]:
    """The objects of a file, which have to fit the video.

    Parameters
    ----------
    file
        JSON of masklet, SA-V, COCO or YouTube-VIS; a palette or grey picture of object numbers; or an archive of one
        such JSON, of pictures named by frames, or of folders named by object numbers with pictures in them.
    scratch
        An empty folder for what is unpacked.
    frame
        Where a single picture belongs whose name is no frame's.
    most_bytes
        That may come out of an archive.

    Raises
    ------
    Unfit
        It is none of these. Other ValueErrors for files that are damaged or don't fit.
    """
    with file.path.open("rb") as opened:
        head = opened.read(len(_PNG))
    if head == _PNG:
        found = _read_picture(file, video, scratch, frame)
    elif head.startswith(_ZIP):
        found = _read_archive(file.path, video, scratch, most_bytes)
    else:
        found = _read_json(file.path)
    if not found:
        raise Unfit(f"{file.name} holds no objects")
    if len(found) > _MOST_OBJECTS:
        raise Unfit(f"{file.name} holds {len(found)} objects, at most {_MOST_OBJECTS} can be imported at once")
    video.check(found)
    return found


def _read_json(path: Path) -> tuple[Masklet, ...]:
    keys = set(read_json(path))
    for expected, read in _JSON_FORMATS.items():
        if expected <= keys:
            return read(path).masklets
    shown = ", ".join(sorted(keys)[:6]) or "none"
    raise Unfit(f"expected JSON of masklet, SA-V, COCO or YouTube-VIS, got an object with the keys {shown}")


def _read_picture(file: MaskFile, video: VideoInfo, scratch: Path, frame: int) -> tuple[Masklet, ...]:
    stem = PurePosixPath(file.name).stem
    named = video.frame_names is not None and stem in video.frame_names
    if named or (stem.isdecimal() and int(stem) < video.frame_count):
        (frame,) = _frames([PurePosixPath(file.name)], video)
    copy = scratch / f"{frame:05d}.png"
    shutil.copyfile(file.path, copy)
    try:
        _check_size(copy, file.name, video)
        return read_palette_pngs(scratch).masklets
    except ValueError as error:
        raise Unfit(str(error).replace(str(copy), file.name)) from None


def _read_archive(path: Path, video: VideoInfo, scratch: Path, most_bytes: int) -> tuple[Masklet, ...]:
    most_files = video.frame_count * _MOST_OBJECTS
    with archives.opened(path, most_files=most_files, most_bytes=most_bytes) as archive:
        suffixes = {name.suffix.lower() for name in archive.names}
        if suffixes == {".json"} and len(archive.names) == 1:
            target = scratch / "masks.json"
            archive.extract(archive.names[0], target)
            return _read_json(target)
        if suffixes != {".png"}:
            raise Unfit("expected an archive of PNG pictures or of one JSON file, got " + (", ".join(sorted(suffixes))))
        folders: dict[PurePosixPath, list[PurePosixPath]] = {}
        for name in archive.names:
            folders.setdefault(name.parent, []).append(name)
        per_object = all(folder.name.isdecimal() for folder in folders)
        if not per_object and len(folders) > 1:
            raise Unfit("expected one folder of pictures, or folders named by object numbers, got other folders")
        for folder, names in folders.items():
            target = scratch / str(int(folder.name)) if per_object else scratch
            target.mkdir(exist_ok=True)
            for name, frame in zip(names, _frames(names, video), strict=True):
                copy = target / f"{frame:05d}.png"
                archive.extract(name, copy)
                _check_size(copy, str(name), video)
    return (read_object_pngs(scratch) if per_object else read_palette_pngs(scratch)).masklets


def _frames(names: Sequence[PurePosixPath], video: VideoInfo) -> list[int]:
    """The frames of pictures: by the video's names of frames where all of them have such a name, else by number."""
    known = set(video.frame_names or ())
    by_name = video.frame_names if all(name.stem in known for name in names) else None
    return frame_numbers([Path(name) for name in names], by_name)


def _check_size(path: Path, name: str, video: VideoInfo) -> None:
    """Before any pixel is decoded: a small file may say that it is huge."""
    header = read_header(path)
    if (header.height, header.width) != (video.height, video.width):
        raise Unfit(
            f"{name[-100:]}: expected a mask of {video.width}x{video.height} pixels, got {header.width}x{header.height}"
        )
