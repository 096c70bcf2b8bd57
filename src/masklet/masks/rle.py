"""COCO run-length masks: the one form in which masks are kept, sent and stored.

A mask is read column by column; `counts` holds the lengths of alternating background and foreground runs (background
first, possibly 0) in COCO's compressed ASCII form: 5 bits a character, every run but the first three stored as the
difference to the one two places before it. Format: pycocotools, `maskApi.c` (rleToString, rleFrString).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeGuard, cast

import cv2
import numpy as np
import pycocotools.mask as coco_mask
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Bbox = tuple[int, int, int, int]


class CocoRle(TypedDict):
    """A compressed COCO run-length mask as it stands in a JSON file."""

    size: list[int]
    counts: str


def as_mask(mask: NDArray[Any]) -> Mask:
    """Return `mask` as a contiguous HxW bool array.

    Args:
        mask: HxW, bool, or any other numeric type that holds only 0 and 1.

    Raises:
        ValueError: not two-dimensional, empty along an axis, or values other than 0 and 1.
    """
    array = np.asarray(mask)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"a mask is a non-empty HxW array, got shape {array.shape}")
    if array.dtype == np.bool_:
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"a mask is bool or holds 0 and 1, got an array of type {array.dtype}")
    result = array == 1
    if not np.array_equal(result, array):
        wrong = array[(array != 0) & (array != 1)].flat[0]
        raise ValueError(f"a mask holds only 0 and 1, got the value {wrong}; compare with a threshold first")
    return np.ascontiguousarray(result)


@dataclass(frozen=True, slots=True)
class Rle:
    """A binary mask of `height` x `width` pixels as COCO compressed run lengths.

    An Rle is valid once it exists: its runs are non-negative and cover the picture exactly. Equality is equality of
    masks, for `encode` and `from_coco` write the same canonical counts.

    Raises:
        ValueError: a size below 1, or counts that are no run-length string or don't sum to height * width.

    Example:
        >>> import numpy as np
        >>> mask = np.zeros((4, 6), bool)
        >>> mask[1:3, 2:5] = True
        >>> rle = Rle.encode(mask)
        >>> rle.area, rle.bbox
        (6, (2, 1, 5, 3))
    """

    height: int
    width: int
    counts: bytes

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a mask has at least 1x1 pixels, got {self.height}x{self.width}")
        total = int(_decode_runs(self.counts).sum())
        if total != self.height * self.width:
            raise ValueError(
                f"run lengths cover {total} pixels, expected {self.height * self.width} for {self.height}x{self.width}"
            )

    @classmethod
    def encode(cls, mask: NDArray[Any]) -> Rle:
        """Compress an HxW mask (bool, or 0 and 1). Raises ValueError for anything else (see `as_mask`)."""
        array = as_mask(mask)
        # COCO runs go down columns: cv2 transposes bytes several times faster than NumPy's Fortran copy does.
        columns = _transpose(array.view(np.uint8))
        coded = cast("dict[str, bytes]", coco_mask.encode(columns.T))
        return cls(array.shape[0], array.shape[1], coded["counts"])

    @classmethod
    def empty(cls, height: int, width: int) -> Rle:
        """The mask without any foreground."""
        return cls(height, width, _encode_runs([height * width]))

    @classmethod
    def from_coco(cls, obj: object) -> Rle:
        """Read COCO's `{"size": [h, w], "counts": ...}`; counts compressed (str or bytes) or a plain list of runs.

        Raises:
            ValueError: keys missing or unknown, sizes or runs that are no whole numbers, runs that don't fit the size.
        """
        if not isinstance(obj, Mapping):
            raise ValueError(f"a COCO mask is an object with 'size' and 'counts', got {type(obj).__name__}")
        fields = cast("Mapping[str, object]", obj)
        if set(fields) != {"size", "counts"}:
            raise ValueError(f"a COCO mask has the keys 'size' and 'counts', got {sorted(map(str, fields))}")
        size, counts = fields["size"], fields["counts"]
        if not _is_int_list(size) or len(size) != 2:
            raise ValueError(f"a COCO mask's size is [height, width] in whole pixels, got {size!r}")
        height, width = size[0], size[1]
        if isinstance(counts, str):
            if not counts.isascii():
                raise ValueError("compressed run lengths are ASCII, got other characters")
            counts = counts.encode("ascii")
        if isinstance(counts, bytes):
            return cls(height, width, counts if _is_canonical(counts) else _encode_runs(_decode_runs(counts).tolist()))
        if not _is_int_list(counts):
            raise ValueError(f"COCO counts are a string or a list of whole numbers, got {type(counts).__name__}")
        if any(run < 0 for run in counts):
            raise ValueError(f"run lengths are not negative, got {min(counts)}")
        return cls(height, width, _encode_runs(list(counts)))

    def to_coco(self) -> CocoRle:
        """COCO's `{"size": [h, w], "counts": str}`, ready for JSON."""
        return {"size": [self.height, self.width], "counts": self.counts.decode("ascii")}

    def decode(self) -> Mask:
        """The mask as a contiguous HxW bool array of its own."""
        runs = self.runs()
        values = np.zeros(runs.size, np.uint8)
        values[1::2] = 1
        return _transpose(np.repeat(values, runs).reshape(self.width, self.height)).view(np.bool_)

    def runs(self) -> NDArray[np.int64]:
        """Lengths of the runs down the columns, background first."""
        return _decode_runs(self.counts)

    @property
    def area(self) -> int:
        """Foreground pixels."""
        return int(self.runs()[1::2].sum())

    @property
    def bbox(self) -> Bbox | None:
        """(x0, y0, x1, y1) around the foreground in pixels, ends exclusive; None for an empty mask."""
        runs = self.runs()
        ends = np.cumsum(runs)
        starts = (ends - runs)[1::2]
        lasts = ends[1::2] - 1
        filled = runs[1::2] > 0
        starts, lasts = starts[filled], lasts[filled]
        if starts.size == 0:
            return None
        first_column, last_column = starts // self.height, lasts // self.height
        top, bottom = starts % self.height, lasts % self.height
        # A run that goes on into the next column touches both the lower and the upper edge of the picture.
        wraps = bool((first_column != last_column).any())
        y0 = 0 if wraps else int(top.min())
        y1 = self.height if wraps else int(bottom.max()) + 1
        return int(first_column[0]), y0, int(last_column[-1]) + 1, y1

    def __bool__(self) -> bool:
        """Whether there is any foreground."""
        return self.area > 0


def union(rles: Iterable[Rle]) -> Rle:
    """Pixels that are in any of the masks (at least one, all of one size)."""
    return _merge(list(rles), intersect=False)


def intersection(rles: Iterable[Rle]) -> Rle:
    """Pixels that are in all of the masks (at least one, all of one size)."""
    return _merge(list(rles), intersect=True)


def iou(a: Rle, b: Rle) -> float:
    """Intersection over union of two masks of one size; 1.0 where both are empty (the DAVIS convention)."""
    shared = intersection((a, b)).area
    total = a.area + b.area - shared
    return shared / total if total else 1.0


def _merge(rles: list[Rle], *, intersect: bool) -> Rle:
    if not rles:
        raise ValueError("expected at least one mask, got none")
    sizes = {(rle.height, rle.width) for rle in rles}
    if len(sizes) > 1:
        listed = ", ".join(f"{h}x{w}" for h, w in sorted(sizes))
        raise ValueError(f"masks have one size, got {listed}")
    if len(rles) == 1:
        return rles[0]
    first = rles[0]
    merged = coco_mask.merge(
        [{"size": [rle.height, rle.width], "counts": rle.counts} for rle in rles], intersect=intersect
    )
    return Rle.from_coco({"size": [first.height, first.width], "counts": merged["counts"]})


def _transpose(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # cv2 5 may drop an axis of length 1: the reshape states what comes back.
    return np.asarray(cv2.transpose(array), dtype=np.uint8).reshape(array.shape[1], array.shape[0])


def _is_int_list(value: object) -> TypeGuard[Sequence[int]]:
    if not isinstance(value, (list, tuple)):
        return False
    return all(isinstance(item, int) and not isinstance(item, bool) for item in cast("list[object]", value))


def _decode_runs(counts: bytes) -> NDArray[np.int64]:
    """Run lengths of a compressed string; ValueError where it is none. Done here and not by pycocotools because that
    reads past the end of a damaged string."""
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63:
        raise ValueError("run lengths are empty or hold characters outside of COCO's range '0'..'o'")
    last = (codes & 32) == 0
    if not last[-1]:
        raise ValueError("run lengths break off in the middle of a number")
    starts = np.flatnonzero(np.concatenate(([True], last[:-1])))
    lengths = np.diff(np.append(starts, codes.size))
    if lengths.max() > 12:
        raise ValueError("run lengths hold a number of more than 60 bits")
    place = np.arange(codes.size) - np.repeat(starts, lengths)
    values = np.add.reduceat((codes & 31) << (5 * place), starts)
    negative = (codes[last] & 16) != 0
    values = values - np.where(negative, np.int64(1) << (5 * lengths), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    if values.min() < 0:
        raise ValueError(f"run lengths are not negative, got {values.min()}")
    return values


def _is_canonical(counts: bytes) -> bool:
    """Whether `_encode_runs` would write these (valid) counts the same: no number longer than it has to be, no run of
    length 0 but the first. Equal masks must be equal values."""
    codes = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero((codes & 32) == 0)
    long = ends[np.diff(ends, prepend=-1) > 1]
    # The last five bits are needless where they only repeat the sign of the five before.
    sign = np.where(codes[long - 1] & 16, 31, 0)
    return not bool((codes[long] == sign).any()) and not bool((_decode_runs(counts)[1:] == 0).any())


def _encode_runs(runs: list[int]) -> bytes:
    """The inverse of `_decode_runs`, in canonical form: no run of length 0 but the first, none left out at the end."""
    canonical: list[int] = []
    for i, run in enumerate(runs):
        if canonical and run == 0:
            continue
        # A run after a dropped one has the colour of the run before the dropped one: they are one run.
        if canonical and len(canonical) % 2 != i % 2:
            canonical[-1] += run
        else:
            canonical.append(run)
    out = bytearray()
    for i, run in enumerate(canonical):
        rest = run - canonical[i - 2] if i > 2 else run
        while True:
            code = rest & 31
            rest >>= 5
            done = rest == (-1 if code & 16 else 0)
            out.append(48 + (code if done else code | 32))
            if done:
                break
    return bytes(out)
