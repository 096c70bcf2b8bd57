"""All formats by name: one table for the command line and whoever else lets users choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from masklet.export.coco import read_coco_json, write_coco_json
from masklet.export.cutout import read_cutout_pngs, read_cutout_video, write_cutout_pngs, write_cutout_video
from masklet.export.files import StrPath
from masklet.export.info import Annotation, VideoInfo
from masklet.export.masklet_json import read_masklet_json, write_masklet_json
from masklet.export.npz import read_npz, write_npz
from masklet.export.object_png import read_object_pngs, write_object_pngs
from masklet.export.palette_png import read_palette_pngs, write_palette_pngs
from masklet.export.sav import SAV_EVERY, SAV_FPS, read_sav_json, write_sav_json
from masklet.export.video import write_contact_sheet, write_overlay_video
from masklet.export.youtube_vis import read_youtube_vis_json, write_youtube_vis_json
from masklet.masks import Masklet
from masklet.media import Clip

Write = Callable[[Path, Sequence[Masklet], Clip, VideoInfo], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write masklets.

    Args:
        about: one line for help texts.
        file: the name of the file or folder in an output folder.
        write: (path, masklets, clip, info) -> None; replaces what is at the path. `info` is of the same clip.
        read: path -> Annotation, or None where a format is only to look at.
    """

    about: str
    file: str
    write: Write
    read: Callable[[Path], Annotation] | None = None


def _sav(path: Path, masklets: Sequence[Masklet], _: Clip, info: VideoInfo) -> None:
    # Six annotated frames a second, whatever the video's rate: each 4th of 24, each 5th of 30.
    every = max(1, round((info.fps or SAV_FPS) * SAV_EVERY / SAV_FPS))
    write_sav_json(path, masklets, info, every=every)


FORMATS: dict[str, Format] = {
    "json": Format(
        about="masklet's own JSON: everything, lossless",
        file="masklets.json",
        write=lambda path, masklets, _, info: write_masklet_json(path, masklets, info),
        read=read_masklet_json,
    ),
    "overlay": Format(
        about="MP4 of the video with masks drawn onto it",
        file="overlay.mp4",
        write=lambda path, masklets, clip, _: write_overlay_video(path, masklets, clip),
    ),
    "sheet": Format(
        about="PNG with some frames, masks and prompts in a grid",
        file="sheet.png",
        write=lambda path, masklets, clip, _: write_contact_sheet(path, masklets, clip),
    ),
    "davis": Format(
        about="folder with a palette PNG for each frame (at most 255 objects, no overlaps)",
        file="davis",
        write=lambda path, masklets, _, info: write_palette_pngs(path, masklets, info, overwrite=True),
        read=read_palette_pngs,
    ),
    "png": Format(
        about="folder with a black and white PNG for each object and frame",
        file="png",
        write=lambda path, masklets, _, info: write_object_pngs(path, masklets, info, overwrite=True),
        read=read_object_pngs,
    ),
    "coco": Format(
        about="COCO instances, an image for each frame",
        file="coco.json",
        write=lambda path, masklets, _, info: write_coco_json(path, masklets, info),
        read=read_coco_json,
    ),
    "ytvis": Format(
        about="YouTube-VIS JSON",
        file="youtube_vis.json",
        write=lambda path, masklets, _, info: write_youtube_vis_json(path, masklets, info),
        read=read_youtube_vis_json,
    ),
    "sav": Format(about="SA-V JSON at 6 frames a second", file="sav.json", write=_sav, read=read_sav_json),
    "npz": Format(
        about="NumPy arrays",
        file="masklets.npz",
        write=lambda path, masklets, _, info: write_npz(path, masklets, info),
        read=read_npz,
    ),
    "alpha": Format(
        about="folder with the objects cut out, a PNG with alpha for each frame",
        file="alpha",
        write=lambda path, masklets, clip, _: write_cutout_pngs(path, masklets, clip, overwrite=True),
        read=read_cutout_pngs,
    ),
    "prores": Format(
        about="the objects cut out as ProRes 4444 video with alpha",
        file="cutout.mov",
        write=lambda path, masklets, clip, _: write_cutout_video(path, masklets, clip),
        read=read_cutout_video,
    ),
    "webm": Format(
        about="the objects cut out as VP9 video with alpha",
        file="cutout.webm",
        write=lambda path, masklets, clip, _: write_cutout_video(path, masklets, clip),
        read=read_cutout_video,
    ),
}


def write_format(
    name: str, folder: StrPath, masklets: Sequence[Masklet], clip: Clip, *, model: str | None = None
) -> Path:
    """Write masklets into an output folder (made if missing) in the format called `name`; returns the path.

    What an earlier call wrote there is replaced.

    Args:
        model: name of the model that made the masks, for formats that keep it.

    Raises:
        ValueError: no format of that name, or masklets that the format cannot hold or that don't fit the clip.
        MediaError: a frame cannot be read, or the result not written.
    """
    if name not in FORMATS:
        raise ValueError(f"expected one of the formats {', '.join(FORMATS)}, got {name!r}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FORMATS[name].file
    FORMATS[name].write(path, masklets, clip, VideoInfo.from_clip(clip, model=model))
    return path
