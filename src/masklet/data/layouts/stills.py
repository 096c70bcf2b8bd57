"""An annotated picture, and the ways in which its objects are stored.

Legend: H W picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from masklet.data.layouts.labels import Size, mask_of, read_deep_labels, read_labels
from masklet.data.sequences import Mask
from masklet.masks.rle import Rle
from masklet.media.images import image_size, read_image

UNSURE = 128
"""The grey value of pixels that do not count, in the masks of interactive segmentation (GrabCut)."""


class Regions(Protocol):
    """The objects of one picture, decoded on demand."""

    def mask(self, object_id: int) -> Mask:
        """[H, W] bool."""
        ...

    def ignored(self, object_id: int) -> Mask | None:
        """[H, W] bool, the pixels that do not count for this object; None where all of them do."""
        ...

    def files(self) -> list[Path]:
        """The mask files; none where the masks came with the list of pictures (COCO)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedPicture:
    """One picture of an image set with its objects; masks may overlap.

    Attributes
    ----------
    name: unique in its set; may hold slashes. path: the picture's file.
    areas: object id -> pixels, by id; at least one.
    regions: the masks.
    """

    name: str
    path: Path
    areas: Mapping[int, int]
    regions: Regions

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of the objects, ascending."""
        return tuple(self.areas)

    def image(self) -> NDArray[np.uint8]:
        """The picture, [H, W, 3] uint8 RGB."""
        return read_image(self.path)

    def mask(self, object_id: int) -> Mask:
        """An object, [H, W] bool. Raises KeyError for an id that is not in `object_ids`."""
        self.areas[object_id]
        return self.regions.mask(object_id)

    def ignored(self, object_id: int) -> Mask | None:
        """The pixels that do not count when this object is scored, [H, W] bool; None where all of them do."""
        self.areas[object_id]
        return self.regions.ignored(object_id)

    def files(self) -> list[Path]:
        """The picture and its mask files, for checksums."""
        return [self.path, *self.regions.files()]


@dataclass(frozen=True, slots=True, kw_only=True)
class RleRegions:
    """Run-length masks."""

    masks: Mapping[int, Rle]

    def mask(self, object_id: int) -> Mask:
        return self.masks[object_id].decode()

    def ignored(self, object_id: int) -> Mask | None:  # noqa: ARG002
        return None

    def files(self) -> list[Path]:
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRegions:
    """One picture of labels: object -> its value; `void` is the value of pixels that do not count."""

    path: Path
    size: Size
    values: Mapping[int, int]
    void: int | None

    def mask(self, object_id: int) -> Mask:
        return read_deep_labels(self.path, self.size) == self.values[object_id]

    def ignored(self, object_id: int) -> Mask | None:  # noqa: ARG002
        return None if self.void is None else read_deep_labels(self.path, self.size) == self.void

    def files(self) -> list[Path]:
        return [self.path]


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyRegions:
    """One grey picture an object: above 128 is the object, 128 does not count, below is background."""

    paths: Mapping[int, Path]
    size: Size

    def mask(self, object_id: int) -> Mask:
        return read_grey(self.paths[object_id], self.size) > UNSURE

    def ignored(self, object_id: int) -> Mask | None:
        unsure = read_grey(self.paths[object_id], self.size) == UNSURE
        return unsure if unsure.any() else None

    def files(self) -> list[Path]:
        return list(self.paths.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFileRegions:
    """One black and white picture an object."""

    paths: Mapping[int, Path]
    size: Size

    def mask(self, object_id: int) -> Mask:
        return mask_of(self.paths[object_id], read_labels(self.paths[object_id], self.size))

    def ignored(self, object_id: int) -> Mask | None:  # noqa: ARG002
        return None

    def files(self) -> list[Path]:
        return list(self.paths.values())


def read_grey(path: Path, size: Size) -> NDArray[np.uint8]:
    """A picture without colours as its grey values, [H, W] uint8, whatever way it is stored.

    Raises
    ------
    ValueError: no readable picture, another size, or colours.
    """
    height, width = image_size(path)
    if (height, width) != size:
        raise ValueError(f"{path}: expected a mask of {size[1]}x{size[0]} (width x height), got {width}x{height}")
    pixels = read_image(path)
    if (pixels != pixels[..., :1]).any():
        raise ValueError(f"{path}: expected a grey mask, got a colour picture")
    return np.ascontiguousarray(pixels[..., 0])
