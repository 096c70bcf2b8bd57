"""Image sets of pictures and mask files.

    masks     images/STEM.*    masks/STEM.png    or  masks/STEM/OBJECT.png   (or JPEGImages and Annotations,
              or STEM.jpg beside STEM.png in one folder)
    grabcut   data_GT/STEM.*   boundary_GT/STEM.*                            (Rother et al. 2004)
    berkeley  images/STEM.*    masks/STEM.*                                  (McGuinness and O'Connor 2010)
    davis585  SEQUENCE/STEM.jpg  SEQUENCE/objectN_STEM.png                   (FocalClick: Chen et al. 2022)

In "masks" a pixel's value is the id of its object, of 8 or 16 bits; black and white masks have one object, and in 8
bits 255 beside other values does not count (VOC's void). In the other three a mask is one object: above 128 it is
there, 128 does not count. DAVIS-585's starting masks (`init_*`) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from masklet.data.layouts.annotations import BINARY
from masklet.data.layouts.folders import mask_files, subfolders
from masklet.data.layouts.labels import Size, read_deep_labels
from masklet.data.layouts.stills import AnnotatedPicture, GreyRegions, LabelRegions, ObjectFileRegions
from masklet.media.folder import list_images, natural_key
from masklet.media.images import IMAGE_SUFFIXES, image_size

FOLDERS = (("images", "masks"), ("JPEGImages", "Annotations"))
GRABCUT, BERKELEY = ("data_GT", "boundary_GT"), ("images", "masks")


def open_masks(root: Path) -> list[AnnotatedPicture]:
    """Pictures with label masks, or with a folder of black and white masks each."""
    for pictures, masks in FOLDERS:
        if (root / pictures).is_dir() and (root / masks).is_dir():
            found = _by_stem(list_images(root / pictures))
            outlines = _by_stem([*_masks(root / masks), *subfolders(root / masks)])
            return [_labelled(path, mask) for path, mask in _paired(found, outlines, root / masks)]
    pictures = [path for path in list_images(root) if path.suffix.lower() != ".png"]
    outlines = _by_stem(_masks(root))
    return [_labelled(path, mask) for path, mask in _paired(_by_stem(pictures), outlines, root)]


def has_pairs(folder: Path) -> bool:
    """Whether a folder holds a picture with its mask beside it, `STEM.jpg` and `STEM.png`."""
    if not folder.is_dir():
        return False
    masks = {path.stem for path in _masks(folder)}
    others = IMAGE_SUFFIXES - {".png"}
    return any(path.stem in masks and path.suffix.lower() in others for path in folder.iterdir())


def open_grey(root: Path, folders: tuple[str, str]) -> list[AnnotatedPicture]:
    """GrabCut or Berkeley: one grey mask a picture."""
    for name in folders:
        if not (root / name).is_dir():
            raise FileNotFoundError(f"{root / name}: no such folder; expected {' and '.join(folders)} in {root}")
    pictures, masks = (_by_stem(list_images(root / name)) for name in folders)
    return [_grey(path.stem, path, {1: mask}) for path, mask in _paired(pictures, masks, root / folders[1])]


def open_davis585(root: Path) -> list[AnnotatedPicture]:
    """DAVIS-585: a folder for each sequence, a grey mask for each object."""
    found: list[AnnotatedPicture] = []
    for folder in subfolders(root):
        objects: dict[str, dict[int, Path]] = {}
        for mask in mask_files(folder):
            owner, _, stem = mask.stem.rpartition("_")
            if owner.startswith("init"):
                continue
            of_picture = objects.setdefault(stem, {})
            digits = re.findall(r"\d+", owner)
            number = int(digits[-1]) if digits else 1
            if number in of_picture:
                raise ValueError(f"{mask}: a second mask of object {number}, beside {of_picture[number].name}")
            of_picture[number] = mask
        for stem in sorted(objects, key=natural_key):
            path = folder / f"{stem}.jpg"
            if not path.is_file():
                raise FileNotFoundError(f"{path}: no such file; {next(iter(objects[stem].values()))} is its mask")
            found.append(_grey(f"{folder.name}/{stem}", path, dict(sorted(objects[stem].items()))))
    return found


def _labelled(path: Path, mask: Path) -> AnnotatedPicture:
    size = image_size(path)
    if mask.is_dir():
        return _object_files(path, mask, size)
    labels = read_deep_labels(mask, size)
    counts = np.bincount(labels.ravel(), minlength=BINARY + 1)
    values = {int(value): int(value) for value in np.flatnonzero(counts) if value}
    void = BINARY if labels.dtype == np.uint8 and BINARY in values and len(values) > 1 else None
    if void is not None:
        del values[void]
    elif set(values) == {BINARY}:
        values = {1: BINARY}
    if not values:
        raise ValueError(f"{mask}: no object in the mask")
    areas = {i: int(counts[value]) for i, value in values.items()}
    regions = LabelRegions(path=mask, size=size, values=values, void=void)
    return AnnotatedPicture(name=path.stem, path=path, areas=areas, regions=regions)


def _object_files(path: Path, folder: Path, size: Size) -> AnnotatedPicture:
    files: dict[int, Path] = {}
    for mask in mask_files(folder):
        if not mask.stem.isdecimal() or int(mask.stem) in files:
            raise ValueError(f"{mask}: expected a mask named by the id of its object, each id once")
        files[int(mask.stem)] = mask
    regions = ObjectFileRegions(paths=dict(sorted(files.items())), size=size)
    areas = {i: int(regions.mask(i).sum()) for i in regions.paths}
    for i, area in areas.items():
        if not area:
            raise ValueError(f"{files[i]}: no object in the mask")
    return AnnotatedPicture(name=path.stem, path=path, areas=areas, regions=regions)


def _grey(name: str, path: Path, masks: dict[int, Path]) -> AnnotatedPicture:
    regions = GreyRegions(paths=masks, size=image_size(path))
    areas = {i: int(regions.mask(i).sum()) for i in masks}
    for i, area in areas.items():
        if not area:
            raise ValueError(f"{masks[i]}: no object in the mask (no pixel above 128)")
    return AnnotatedPicture(name=name, path=path, areas=areas, regions=regions)


def _masks(folder: Path) -> list[Path]:
    files = [p for p in folder.iterdir() if p.suffix.lower() == ".png" and not p.name.startswith(".")]
    return sorted(files, key=natural_key)


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        stem = path.stem if path.suffix.lower() in IMAGE_SUFFIXES else path.name
        if stem in found:
            raise ValueError(f"{path}: a second file of that name, beside {found[stem].name}")
        found[stem] = path
    return found


def _paired(pictures: dict[str, Path], masks: dict[str, Path], folder: Path) -> list[tuple[Path, Path]]:
    for stem, path in pictures.items():
        if stem not in masks:
            raise ValueError(f"{path}: the picture has no mask {stem} in {folder}")
    for stem, path in masks.items():
        if stem not in pictures:
            raise ValueError(f"{path}: the mask has no picture of that name")
    return [(path, masks[stem]) for stem, path in pictures.items()]
