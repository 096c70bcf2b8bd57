"""FBMS-59: `SEQUENCE/*.jpg`, and in `SEQUENCE/GroundTruth` masks of some frames (about one in twenty).

Masks are colour pictures in which each region has one colour and the background is white (`*_gt.ppm`), or grey or
palette pictures in which it is 0 (`*.pgm`, `*.png`); files with PROB in their names are no masks. A mask belongs to the
picture of its stem without `_gt`, or else to the one of the same last number. Regions are objects 1, 2, ... in order
of their colours over the whole sequence. Scored are all annotated frames but the first (Ochs et al., PAMI 2014, score
all; the first is given here). A split ("Testset") is a folder in the root.

Legend: H W image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from masklet.data.layouts.folders import (
    annotated,
    frame_files,
    mask_files,
    split_folder,
    subfolders,
    video_size,
)
from masklet.data.layouts.labels import Size
from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.media.images import read_header, read_image, read_mask

MASKS = "GroundTruth"
_SUFFIXES = frozenset({".ppm", ".pgm", ".png"})
_WHITE = 0xFFFFFF


class RegionAnnotations:
    """Regions of one colour each.

    Parameters
    ----------
    files: frame index -> file. size: (height, width) that every mask has to have.
    """

    def __init__(self, files: Mapping[int, Path], size: Size) -> None:
        self._files = dict(sorted(files.items()))
        self._size = size

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(self._files)

    @property
    def objects(self) -> tuple[int, ...]:
        return tuple(range(1, len(self._colours) + 1))

    @property
    def starts(self) -> dict[int, int]:
        """Object id -> the annotated frame on which it is first seen."""
        return dict(enumerate(self._colours.values(), start=1))

    def masks(self, frame: int) -> dict[int, Mask]:
        regions = self._regions(frame)
        return {i: regions == colour for i, colour in enumerate(self._colours, start=1)}

    def files(self) -> Sequence[Path]:
        return list(self._files.values())

    @cached_property
    def _colours(self) -> dict[int, int]:
        """Colour -> the frame on which it is first seen, by colour."""
        found: dict[int, int] = {}
        for frame in self._files:
            for colour in np.unique(self._regions(frame)).tolist():
                if colour >= 0:
                    found.setdefault(colour, frame)
        if not found:
            raise ValueError(f"{next(iter(self._files.values())).parent}: no object in any mask")
        return dict(sorted(found.items()))

    def _regions(self, frame: int) -> NDArray[np.int32]:
        """[H, W] int32: a pixel's colour as one number, -1 for the background."""
        path = self._files[frame]
        header = read_header(path)
        if header.bit_depth > 8 or header.mode not in {"RGB", "P", "L", "1"}:
            raise ValueError(f"{path}: expected an 8-bit colour, palette or grey mask, got a {header.mode} picture")
        if (header.height, header.width) != self._size:
            height, width = self._size
            raise ValueError(
                f"{path}: expected a mask of {width}x{height} (width x height), got {header.width}x{header.height}"
            )
        if header.mode == "RGB":
            regions = read_image(path).astype(np.int32) @ np.array([0x10000, 0x100, 1], np.int32)
            background = _WHITE
        else:
            regions = read_mask(path).astype(np.int32)
            background = 0
        return np.where(regions == background, np.int32(-1), regions)


def is_fbms(root: Path) -> bool:
    """Whether a folder holds sequences with `GroundTruth` beside their pictures."""
    return any((folder / MASKS).is_dir() for folder in subfolders(root))


def open_fbms(root: Path, split: str | None) -> list[AnnotatedVideo]:
    """Read FBMS-59, or BMS-26 in the same layout."""
    folder = split_folder(root, split)
    if split is not None and folder == root:
        raise FileNotFoundError(f"{root / split}: no such folder (a split of FBMS)")
    places = subfolders(folder)
    if not places:
        raise ValueError(f"{folder}: the folder holds no videos")
    return [_video(place) for place in places]


def _video(folder: Path) -> AnnotatedVideo:
    frames = frame_files(folder)
    files = [path for path in mask_files(folder / MASKS, _SUFFIXES) if "PROB" not in path.stem]
    if not files:
        raise ValueError(f"{folder / MASKS}: expected masks, the folder holds probabilities only")
    annotations = RegionAnnotations(_paired(frames, files), video_size(frames))
    return annotated(folder.name, frames, annotations, annotations.frames[1:])


def _paired(frames: Sequence[Path], masks: Sequence[Path]) -> dict[int, Path]:
    by_stem = {path.stem: index for index, path in enumerate(frames)}
    by_number = {_number(path.stem): index for index, path in enumerate(frames)}
    paired: dict[int, Path] = {}
    for mask in masks:
        stem = mask.stem.removesuffix("_gt")
        index = by_stem.get(stem)
        if index is None and _number(stem) is not None:
            index = by_number.get(_number(stem))
        if index is None:
            raise ValueError(f"{mask}: the mask has no picture of that name or number in {frames[0].parent}")
        if index in paired:
            raise ValueError(f"{mask}: a second mask of {frames[index].name}, beside {paired[index].name}")
        paired[index] = mask
    return paired


def _number(stem: str) -> int | None:
    """The last number in a name."""
    found = re.findall(r"\d+", stem)
    return int(found[-1]) if found else None
