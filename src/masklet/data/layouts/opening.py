"""One way to open every data set of annotated videos."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from masklet.data.layouts import fbms, long, sav, segtrack, youtube_vos
from masklet.data.layouts.davis import open_davis, resolution
from masklet.data.layouts.folders import split_folder
from masklet.data.layouts.labels import values_of
from masklet.data.layouts.plain import open_palette, open_per_object, places_of
from masklet.data.sequences import AnnotatedVideo
from masklet.media.images import read_mask

Opener = Callable[[Path, str | None], list[AnnotatedVideo]]

LAYOUTS: dict[str, Opener] = {
    "davis2016": partial(open_davis, year=2016),
    "davis2017": partial(open_davis, year=2017),
    "youtube-vos": youtube_vos.open_youtube_vos,
    "mose": long.open_mose,
    "lvos": long.open_lvos,
    "sav": sav.open_sav,
    "segtrack": segtrack.open_segtrack,
    "fbms": fbms.open_fbms,
    "palette": open_palette,
    "per-object": open_per_object,
}
"""Layout -> what reads it, given the root folder and the split."""


def open_videos(root: Path, layout: str = "auto", *, split: str | None = None) -> list[AnnotatedVideo]:
    """The annotated videos of a data set.

    Opening lists files and reads a header a video; masks are decoded when asked for.

    Parameters
    ----------
    root: the folder that the data set is unpacked to.
    layout: one of `LAYOUTS`, or "auto", which recognises it by its folders (MOSE passes as "palette", which reads
        it the same way).
    split: the part of the data set ("val"), by a list or a folder of that name as the layout has it; None for all.

    Raises
    ------
    FileNotFoundError: a folder or list that the layout has is missing, or no layout fits.
    ValueError: an unknown layout, or contents that are not what the layout says; the message names the file.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    if layout == "auto":
        layout = recognise(split_folder(root, split, "sav_"))
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be auto or one of {', '.join(LAYOUTS)}, got {layout!r}")
    return LAYOUTS[layout](root, split)


def recognise(root: Path) -> str:
    """The layout of a folder, by the folders in it. Raises FileNotFoundError that says what was looked for."""
    name = resolution(root)
    if name is not None:
        return _davis_year(root / "Annotations" / name)
    for layout, fits in _TESTS:
        if fits(root):
            return layout
    try:
        masks = places_of(root)[0].masks
    except FileNotFoundError:
        raise FileNotFoundError(f"{root}: no known layout in it; looked for {_SIGNS}") from None
    return "palette" if any(masks.glob("*.png")) else "per-object"


_TESTS: tuple[tuple[str, Callable[[Path], bool]], ...] = (
    ("sav", lambda root: (root / sav.FRAMES).is_dir()),
    ("segtrack", lambda root: (root / segtrack.FRAMES).is_dir() and (root / segtrack.MASKS).is_dir()),
    ("youtube-vos", youtube_vos.has_meta),
    ("lvos", lambda root: (root / long.UNSEEN).is_file()),
    ("fbms", fbms.is_fbms),
)
_SIGNS = (
    "JPEGImages/480p and Annotations/480p (davis), JPEGImages_24fps (sav), JPEGImages and GroundTruth (segtrack), "
    "JPEGImages and Annotations (palette, per-object; with meta.json youtube-vos, with unseen_videos.txt lvos), both "
    "of them or GroundTruth (fbms) in each video's folder; is the split's own folder meant?"
)


def _davis_year(masks: Path) -> str:
    """2016 has black and white masks, 2017 has ids."""
    first = next(iter(sorted(masks.glob("*/*.png"))), None)
    return "davis2016" if first is not None and values_of(read_mask(first)) == [255] else "davis2017"
