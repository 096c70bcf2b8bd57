"""Ground truth on disk, decoded frame by frame: one picture of labels a frame, or one picture an object and frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol, overload

import numpy as np

from masklet.data.layouts.labels import Labels, Size, mask_of, read_labels, values_of
from masklet.data.sequences import Annotations, Mask, Target

BINARY = 255
"""The object of masks that are black and white; readers present it as object 1."""


class LabelAnnotations:
    """One picture of labels a frame: the value of a pixel is its object.

    Parameters
    ----------
    files: frame index -> file, for the annotated frames.
    size: (height, width) that every mask has to have.
    starts: object id -> the frame on which it is first seen, where the data set says so; else it is looked up in the
        masks when first asked for.
    first_only: objects are those of the first annotated frame (DAVIS), and others are errors.
    binary: every pixel that is not 0 is of object 1 (DAVIS 2016). Without it, a video whose masks hold 0 and 255 only
        counts as binary too.
    """

    def __init__(
        self,
        files: Mapping[int, Path],
        size: Size,
        *,
        starts: Mapping[int, int] | None = None,
        first_only: bool = False,
        binary: bool = False,
    ) -> None:
        self._files = dict(sorted(files.items()))
        self._size = size
        self._declared = None if starts is None else dict(sorted(starts.items()))
        self._first_only = first_only
        self._binary = binary

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(self._files)

    @property
    def objects(self) -> tuple[int, ...]:
        return tuple(self.starts)

    @property
    def starts(self) -> dict[int, int]:
        """Object id -> the frame on which it is first seen, by id. Raises ValueError for a video without objects."""
        if self._declared is not None:
            return self._declared
        return {1: self._seen[BINARY]} if self._black_and_white else self._seen

    @cached_property
    def _seen(self) -> dict[int, int]:
        """As `starts`, with the values as they are in the files."""
        found: dict[int, int] = {}
        looked_at = list(self._files)[:1] if self._first_only else list(self._files)
        for frame in looked_at:
            for value in values_of(self._labels(frame)):
                found.setdefault(value, frame)
        if not found:
            where = self._files[looked_at[0]] if self._first_only else self._files[looked_at[0]].parent
            raise ValueError(f"{where}: no object in {'the first mask' if self._first_only else 'any mask'}")
        return dict(sorted(found.items()))

    @property
    def _black_and_white(self) -> bool:
        return self._declared is None and set(self._seen) == {BINARY}

    @property
    def white(self) -> bool:
        """Whether the one object is white in the files: predictions for their evaluators are to be white too."""
        return self._binary or self._black_and_white

    def masks(self, frame: int) -> dict[int, Mask]:
        path = self._files[frame]
        labels = self._labels(frame)
        known = {BINARY: 1} if self._black_and_white else {i: i for i in self.objects}
        values = values_of(labels)
        unknown = [value for value in values if value not in known]
        if unknown:
            rule = "the first mask" if self._first_only else "the data set's list"
            raise ValueError(f"{path}: object {unknown[0]} is not in {rule}, which has {_listed(list(known))}")
        if self._declared is not None:
            absent = [i for i, start in self._declared.items() if start == frame and i not in values]
            if absent:
                raise ValueError(f"{path}: object {absent[0]} should first be seen here, but its mask is empty")
        return {i: labels == value for value, i in known.items()}

    def files(self) -> Sequence[Path]:
        return list(self._files.values())

    def _labels(self, frame: int) -> Labels:
        labels = read_labels(self._files[frame], self._size)
        return (labels > 0).astype(np.uint8) if self._binary else labels


class ObjectAnnotations:
    """One black and white picture for each object and frame (SA-V): masks may overlap, ids may be any.

    Parameters
    ----------
    files: object id -> frame index -> file. All objects are annotated on the same frames.
    size: (height, width) that every mask has to have.
    colours: whether a black and white mask may be stored as a colour picture.

    Raises
    ------
    ValueError: no object, or an object without a mask on a frame that another one has.
    """

    def __init__(self, files: Mapping[int, Mapping[int, Path]], size: Size, *, colours: bool = False) -> None:
        self._colours = colours
        self._files = {i: dict(sorted(files[i].items())) for i in sorted(files)}
        self._size = size
        frames = sorted({frame for of_object in self._files.values() for frame in of_object})
        for i, of_object in self._files.items():
            missing = sorted(set(frames) - set(of_object))
            if missing:
                other = next(found[missing[0]] for found in self._files.values() if missing[0] in found)
                folder = next(iter(of_object.values())).parent
                raise ValueError(
                    f"{folder / other.name}: the mask is missing (object {i}; {other} exists, and an absent object "
                    "has an empty mask)"
                )
        self.frames = tuple(frames)
        self.objects = tuple(self._files)

    @property
    def starts(self) -> dict[int, int]:
        """Object id -> the frame on which it is first seen, by id. Raises ValueError for an object never seen."""
        return self._seen

    @cached_property
    def _seen(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for i, of_object in self._files.items():
            start = next((frame for frame in of_object if self._mask(i, frame).any()), None)
            if start is None:
                raise ValueError(f"{next(iter(of_object.values())).parent}: object {i} is in none of its masks")
            found[i] = start
        return found

    def masks(self, frame: int) -> dict[int, Mask]:
        return {i: self._mask(i, frame) for i in self.objects}

    def files(self) -> Sequence[Path]:
        return [path for of_object in self._files.values() for path in of_object.values()]

    def _mask(self, object_id: int, frame: int) -> Mask:
        path = self._files[object_id][frame]
        return mask_of(path, read_labels(path, self._size, colours=self._colours))


class Started(Annotations, Protocol):
    """Annotations that know where each object is first seen."""

    @property
    def starts(self) -> Mapping[int, int]:
        """Object id -> the frame on which it is first seen, by id."""
        ...


class FirstSeen(Sequence[Target]):
    """Every object, to be prompted where it is first seen; the masks are read when the first target is asked for."""

    def __init__(self, annotations: Started) -> None:
        self._annotations = annotations

    @overload
    def __getitem__(self, index: int) -> Target: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Target, ...]: ...
    def __getitem__(self, index: int | slice) -> Target | tuple[Target, ...]:
        return self._targets[index]

    def __len__(self) -> int:
        return len(self._targets)

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets)

    @property
    def _targets(self) -> tuple[Target, ...]:
        return tuple(Target(object_id=i, frame=frame) for i, frame in self._annotations.starts.items())


class OneGroup(Mapping[int, str]):
    """All objects of a video in one group; which they are is looked up when asked for."""

    def __init__(self, annotations: Annotations, group: str) -> None:
        self._annotations = annotations
        self._group = group

    def __getitem__(self, object_id: int) -> str:
        if object_id not in self._annotations.objects:
            raise KeyError(object_id)
        return self._group

    def __iter__(self) -> Iterator[int]:
        return iter(self._annotations.objects)

    def __len__(self) -> int:
        return len(self._annotations.objects)


def _listed(objects: Sequence[int]) -> str:
    return ("objects " if len(objects) > 1 else "object ") + ", ".join(map(str, objects[:8]))
