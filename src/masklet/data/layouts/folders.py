"""Folders of frames and masks, and how they pair up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from masklet.data.layouts.annotations import FirstSeen, ObjectAnnotations, Started
from masklet.data.layouts.labels import Size
from masklet.data.sequences import AnnotatedVideo
from masklet.media.folder import list_images, natural_key
from masklet.media.images import image_size

MASK_SUFFIXES = frozenset({".png"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one video lies: its name in the data set, the folder of its pictures, the folder of its masks."""

    name: str
    frames: Path
    masks: Path


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, naturally sorted, hidden ones left out. Raises FileNotFoundError where it is missing."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    return sorted((p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")), key=natural_key)


def mask_files(folder: Path, suffixes: frozenset[str] = MASK_SUFFIXES) -> list[Path]:
    """Mask files directly in a folder, naturally sorted.

    Raises
    ------
    FileNotFoundError: no such folder. ValueError: no masks in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    files = [p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".")]
    if not files:
        raise ValueError(f"{folder}: expected masks ({', '.join(sorted(suffixes))}), the folder holds none")
    return sorted(files, key=natural_key)


def frame_files(folder: Path) -> tuple[Path, ...]:
    """The pictures of a video in order.

    Raises
    ------
    FileNotFoundError: no such folder. ValueError: no pictures in it, or two of one stem.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of frames")
    files = tuple(list_images(folder))
    stems: dict[str, Path] = {}
    for path in files:
        if path.stem in stems:
            raise ValueError(f"{path}: a second picture of frame {path.stem}, beside {stems[path.stem].name}")
        stems[path.stem] = path
    return files


def check_consecutive(frames: Sequence[Path]) -> None:
    """Raises ValueError that names the first missing picture where file names are numbers with a gap."""
    if not all(path.stem.isdecimal() for path in frames):
        return
    for before, after in pairwise(frames):
        expected = int(before.stem) + 1
        if int(after.stem) != expected:
            missing = before.with_name(f"{expected:0{len(before.stem)}d}{before.suffix}")
            raise ValueError(f"{missing}: the frame is missing between {before.name} and {after.name}")


def by_frame(frames: Sequence[Path], masks: Iterable[Path]) -> dict[int, Path]:
    """Frame index -> mask of the same stem. Raises ValueError that names a mask without its picture."""
    places = {path.stem: index for index, path in enumerate(frames)}
    paired: dict[int, Path] = {}
    for mask in masks:
        if mask.stem not in places:
            raise ValueError(f"{mask}: the mask has no picture of that name in {frames[0].parent}")
        paired[places[mask.stem]] = mask
    return paired


def object_folders(folder: Path) -> dict[int, Path]:
    """Object id -> folder `000`, `1`, ... in a video's folder of masks.

    Raises
    ------
    ValueError: none, one that is not named by a whole number, or two of one object.
    """
    found: dict[int, Path] = {}
    for place in subfolders(folder):
        if not place.name.isdecimal():
            raise ValueError(f"{place}: expected a folder named by an object id, a whole number")
        object_id = int(place.name)
        if object_id in found:
            raise ValueError(f"{place}: a second folder of object {object_id}, beside {found[object_id].name}")
        found[object_id] = place
    if not found:
        raise ValueError(f"{folder}: no object: expected a folder for each")
    return found


def object_annotations(folder: Path, frames: Sequence[Path], size: Size) -> ObjectAnnotations:
    """The masks of `folder/OBJECT/STEM.png`."""
    places = object_folders(folder)
    return ObjectAnnotations({i: by_frame(frames, mask_files(place)) for i, place in places.items()}, size)


def video_size(frames: Sequence[Path]) -> Size:
    """(height, width) of a video's first frame, from its header."""
    return image_size(frames[0])


def between_first_and_last(frames: Sequence[int]) -> tuple[int, ...]:
    """DAVIS's rule, and SA-V's: the first annotated frame is given, the last one does not count."""
    return tuple(frames[1:-1])


def annotated(
    name: str,
    frames: tuple[Path, ...],
    annotations: Started,
    scored: tuple[int, ...],
    groups: Mapping[int, str] | None = None,
) -> AnnotatedVideo:
    """A video whose objects are prompted where they are first seen."""
    return AnnotatedVideo(
        name=name,
        frames=frames,
        annotations=annotations,
        targets=FirstSeen(annotations),
        scored=scored,
        groups=groups or {},
    )


def read_names(listing: Path) -> list[str]:
    """The names in a list of videos, one a line, without SegTrack's leading star.

    Raises
    ------
    FileNotFoundError: no such file. ValueError: no names in it.
    """
    if not listing.is_file():
        raise FileNotFoundError(f"{listing}: no such list of videos")
    names = [line.strip().lstrip("*") for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not names:
        raise ValueError(f"{listing}: the list names no video")
    return names


def chosen(places: Sequence[Place], listing: Path | None) -> list[Place]:
    """The videos that a split's list names, one a line, in its order; all of them without a list.

    Raises
    ------
    FileNotFoundError: no such list. ValueError: an empty one, or a name that is not in the data set.
    """
    if listing is None:
        return list(places)
    names = read_names(listing)
    known = {place.name: place for place in places}
    for name in names:
        if name not in known:
            raise ValueError(f"{listing}: {name} is not in the data set, which has {len(known)} other videos")
    return [known[name] for name in dict.fromkeys(names)]


def split_folder(root: Path, split: str | None, prefix: str = "") -> Path:
    """`root/SPLIT` (or `root/PREFIXSPLIT`) where the data set was unpacked with its splits, else `root` itself."""
    if split is not None:
        for name in (split, f"{prefix}{split}"):
            if (root / name).is_dir():
                return root / name
    return root


def beside_each_other(frames: Path, masks: Path) -> list[Place]:
    """`frames/VIDEO` and `masks/VIDEO`, paired by name.

    Raises
    ------
    FileNotFoundError: a folder is missing. ValueError: no videos, or a video with only one of the two.
    """
    pictures, outlines = ({place.name: place for place in subfolders(folder)} for folder in (frames, masks))
    for name in pictures:
        if name not in outlines:
            raise ValueError(f"{masks / name}: no masks for the frames in {pictures[name]}")
    for name in outlines:
        if name not in pictures:
            raise ValueError(f"{frames / name}: no frames for the masks in {outlines[name]}")
    if not pictures:
        raise ValueError(f"{frames}: the folder holds no videos")
    return [Place(name=name, frames=pictures[name], masks=outlines[name]) for name in pictures]
