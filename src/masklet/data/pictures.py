"""Image sets: pictures with the masks of their objects, opened one way whatever the layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from masklet.data.layouts.coco import find_json, open_coco
from masklet.data.layouts.pairs import BERKELEY, GRABCUT, has_pairs, open_davis585, open_grey, open_masks
from masklet.data.layouts.stills import AnnotatedPicture
from masklet.media.images import image_size

__all__ = ["PICTURE_LAYOUTS", "AnnotatedPicture", "open_pictures"]

PICTURE_LAYOUTS: dict[str, Callable[[Path], list[AnnotatedPicture]]] = {
    "coco": open_coco,
    "masks": open_masks,
    "grabcut": partial(open_grey, folders=GRABCUT),
    "berkeley": partial(open_grey, folders=BERKELEY),
    "davis585": open_davis585,
}
"""Layout -> what reads it, given the root; each is specified in its module in `data/layouts`."""


def open_pictures(
    root: Path, layout: str = "auto", *, largest: int | None = None, min_share: float = 0.0
) -> list[AnnotatedPicture]:
    """The annotated pictures of an image set, those with at least one object.

    Opening reads the masks once, for their areas; they are not kept.

    Parameters
    ----------
    root: the folder that the set is unpacked to, or a COCO JSON.
    layout: one of `PICTURE_LAYOUTS`, or "auto", which recognises it by its folders.
    largest: at most so many objects a picture, by area (ties: the lower id); None for all.
    min_share: objects that cover a smaller share (0..1) of their picture are left out.

    Raises
    ------
    FileNotFoundError: a folder or file is missing, or no layout fits.
    ValueError: an unknown layout, options out of range, contents that are not what the layout says (the message names
        the file), or no object that passes the selection.

    Example
    -------
    >>> for picture in open_pictures(Path("coco"), largest=3):  # doctest: +SKIP
    ...     print(picture.name, picture.image().shape, [picture.mask(i).sum() for i in picture.object_ids])
    """
    if largest is not None and largest < 1:
        raise ValueError(f"largest must be at least 1, got {largest}")
    if not 0 <= min_share <= 1:
        raise ValueError(f"min_share must be a share, 0..1, got {min_share}")
    if not root.exists():
        raise FileNotFoundError(f"{root}: no such file or folder")
    if layout == "auto":
        layout = recognise(root)
    if layout not in PICTURE_LAYOUTS:
        raise ValueError(f"layout must be auto or one of {', '.join(PICTURE_LAYOUTS)}, got {layout!r}")
    pictures = [_selected(picture, largest, min_share) for picture in PICTURE_LAYOUTS[layout](root)]
    kept = [picture for picture in pictures if picture.areas]
    if not kept:
        raise ValueError(f"{root}: no object" + (f" covers {min_share:.2%} of its picture" if pictures else ""))
    return kept


def recognise(root: Path) -> str:
    """The layout of an image set. Raises FileNotFoundError that says what was looked for."""
    if find_json(root) is not None:
        return "coco"
    if all((root / name).is_dir() for name in GRABCUT):
        return "grabcut"
    if all((root / name).is_dir() for name in BERKELEY) or (root / "JPEGImages").is_dir():
        return "masks"
    if any(root.glob("*/object*_*.png")):
        return "davis585"
    if has_pairs(root):
        return "masks"
    raise FileNotFoundError(
        f"{root}: no known layout in it; looked for instances.json (coco), data_GT and boundary_GT (grabcut), images "
        "and masks (masks, berkeley), JPEGImages and Annotations or .jpg beside .png (masks), "
        "SEQUENCE/objectN_STEM.png (davis585)"
    )


def _selected(picture: AnnotatedPicture, largest: int | None, min_share: float) -> AnnotatedPicture:
    areas = dict(picture.areas)
    if min_share:
        height, width = image_size(picture.path)
        areas = {i: area for i, area in areas.items() if area >= min_share * height * width}
    if largest is not None:
        kept = sorted(areas, key=lambda i: (-areas[i], i))[:largest]
        areas = {i: areas[i] for i in sorted(kept)}
    return replace(picture, areas=areas)
