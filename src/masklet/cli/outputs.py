"""What `masklet track` makes of a journal: the overlay while frames come, everything else at the end."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from masklet.cli.journal import FrameRecord, masklets
from masklet.export import FORMATS, Effect, draw_masks, effects_file, write_effects_video, write_format
from masklet.export.pixels import pictures
from masklet.media import Clip, VideoWriter
from masklet.media.behind import Behind

_EFFECTS_FILES = ("effects.mp4", "effects.webm")


class OverlayVideo:
    """The overlay video of a run, drawn while its frames come: what `FORMATS["overlay"]` writes in one go.

    Frames are drawn and encoded in a background thread. A context manager: the file is in its place when the block
    ends, with the frames that were added, even after an error; without any, none is written.
    """

    def __init__(self, folder: Path, clip: Clip, frames: range) -> None:
        self._pictures = pictures(clip, frames)
        self._writer = VideoWriter(folder / FORMATS["overlay"].file, clip.fps, clip.width, clip.height)
        self._drawing = Behind(self._draw)

    def add(self, record: FrameRecord) -> None:
        """Draw the next of the frames, in its turn. Raises the error of an earlier one."""
        self._drawing.put(record)

    def finish(self) -> None:
        """Wait until all frames are drawn. Raises the error of one of them."""
        self._drawing.close()

    def _draw(self, record: FrameRecord) -> None:
        frame, picture, time = next(self._pictures)
        assert record.frame == frame
        self._writer.write(draw_masks(picture, {number: mask.rle for number, mask in record.objects.items()}), time)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._drawing.close()
        finally:
            if self._writer.frames_written:
                self._writer.close()
            else:
                self._writer.discard()


def write_outputs(
    journal: Path, clip: Clip, formats: Sequence[str], *, model: str, done: Collection[str] = ()
) -> Iterator[tuple[str, Path]]:
    """Write a journal in masklet's own format and in `formats`, save those that are `done`.

    Yields each format's name and the path of its file or folder, once it is there.
    """
    found = masklets(journal)
    folder = journal.parent
    for name in dict.fromkeys(("json", *formats)):
        yield (
            name,
            folder / FORMATS[name].file if name in done else write_format(name, folder, found, clip, model=model),
        )


def write_effects(journal: Path, clip: Clip, effects: Sequence[Effect]) -> Path:
    """Write the frames of a journal with effects: `effects.mp4`, or with a cut-out `effects.webm` with alpha.

    Raises:
        ValueError: an effect for an object that the journal does not know, or text that no font has.
    """
    target = journal.parent / effects_file(effects)
    for name in _EFFECTS_FILES:
        (journal.parent / name).unlink(missing_ok=True)
    write_effects_video(target, masklets(journal), clip, effects)
    return target


def forget_outputs(folder: Path) -> None:
    """Remove what an older run wrote into its folder."""
    for name in (*(output.file for output in FORMATS.values()), *_EFFECTS_FILES):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
