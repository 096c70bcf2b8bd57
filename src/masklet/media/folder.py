"""A folder, glob or list of pictures as a clip."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from masklet.media.clip import DEFAULT_FPS, Clip, Frame, check_fps, check_size
from masklet.media.errors import MediaError
from masklet.media.images import IMAGE_SUFFIXES, ImageHeader, read_header, read_image


def natural_key(path: str | os.PathLike[str]) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key by name in which numbers count as numbers: frame2 before frame10. Ties fall to the plain name."""
    name = Path(path).name
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p), name


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """The pictures directly in `folder`, naturally sorted; other files and hidden ones are no frames.

    Raises MediaError if there are none.
    """
    folder = Path(folder)
    files = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    images = sorted((p for p in files if p.suffix.lower() in IMAGE_SUFFIXES), key=natural_key)
    if not images:
        raise MediaError(f"{folder}: the folder holds no pictures ({len(files)} other files)")
    return images


def glob_images(pattern: str) -> list[Path]:
    """The files that match a glob such as `shots/cam1_*.png`, naturally sorted. Raises MediaError if there are none."""
    files = [Path(p) for p in glob.iglob(pattern, recursive=True)]  # noqa: PTH207 (Path.glob takes no absolute pattern)
    images = sorted((p for p in files if p.is_file()), key=lambda p: (str(p.parent), natural_key(p)))
    if not images:
        raise MediaError(f"{pattern}: no file matches")
    return images


class ImageFolderClip(Clip):
    """Pictures of one size as frames; the names may be anything.

    Opening reads only the headers: sizes are compared there. A picture that turns out to be unreadable is an error
    when its frame is reached, so that the frames before it are not lost.

    Parameters
    ----------
    source : a folder, or the picture files in their order.
    fps : frames a second, for the times.

    Raises
    ------
    MediaError : no pictures, none readable, or one of another size than the first (names it and both sizes).
    """

    def __init__(
        self, source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, fps: float = DEFAULT_FPS
    ) -> None:
        super().__init__()
        if isinstance(source, (str, os.PathLike)):
            self.paths = list_images(source)
            self.name = Path(source).resolve().name
        else:
            self.paths = [Path(p) for p in source]
            if not self.paths:
                raise MediaError("an empty list of pictures")
            self.name = self.paths[0].name if len(self.paths) == 1 else self.paths[0].resolve().parent.name
        self.fps = check_fps(fps)
        self.header = self._common_header()
        self.height, self.width = self.header.height, self.header.width
        self._timestamps = tuple(i / self.fps for i in range(len(self.paths)))

    @property
    def timestamps(self) -> Sequence[float]:
        return self._timestamps

    def __len__(self) -> int:
        return len(self.paths)

    def frame_name(self, index: int) -> str:
        return self.paths[index].stem

    def _read(self, index: int) -> Frame:
        path = self.paths[index]
        frame = read_image(path)
        check_size(frame, (self.height, self.width), str(path))
        return frame

    def _common_header(self) -> ImageHeader:
        """The header of the first readable picture, once all others were found to be of its size."""
        first: tuple[Path, ImageHeader] | None = None
        trouble: MediaError | None = None
        for path in self.paths:
            try:
                header = read_header(path)
            except MediaError as error:  # raised again by _read when the frame is reached
                trouble = trouble or error
                continue
            if first is None:
                first = path, header
            elif (header.height, header.width) != (first[1].height, first[1].width):
                raise MediaError(
                    f"{path} is {header.width}x{header.height} but {first[0].name} is "
                    f"{first[1].width}x{first[1].height}; all frames must have one size"
                )
        if first is None:
            raise MediaError(str(trouble))
        return first[1]
