"""What `masklet track` makes of a journal: `masklets.json`, and a file or folder for each --format."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from masklet.cli.journal import FrameRecord, masklets, read_header
from masklet.export.overlay import draw_masks
from masklet.export.sheet import contact_sheet
from masklet.masks import Masklet
from masklet.media import Clip, write_image, write_text
from masklet.media.writer import VideoWriter

SHEET_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run, or what there is of one: the journal's header and a masklet for each object."""

    header: Mapping[str, Any]
    masklets: Sequence[Masklet]

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read a `masklets.json`.

        Raises:
            ValueError: the file is none. OSError: it cannot be read.
        """
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            found = [Masklet.from_json(item) for item in fields.pop("masklets")]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ValueError(f"{path} is no result of masklet track ({error})") from None
        return cls(fields, found)

    def write(self, path: Path) -> None:
        """Write it as `masklets.json`, atomically."""
        write_text(
            path, json.dumps({**self.header, "masklets": [masklet.to_json() for masklet in self.masklets]}) + "\n"
        )


class OverlayVideo:
    """`overlay.mp4`, drawn while frames come; a context manager that keeps what was written even if it ends early."""

    def __init__(self, path: Path, clip: Clip, frames: range) -> None:
        times = clip.timestamps
        self._times = times if all(a < b for a, b in pairwise(times)) else None
        self._zero = times[frames.start]
        self._next = frames.start
        self._pictures = clip.frames(frames.start, frames.stop)
        self._writer = VideoWriter(path, clip.fps, clip.width, clip.height)

    def add(self, record: FrameRecord) -> None:
        """Draw the next frame. Records come in the order of frames."""
        assert record.frame == self._next
        picture = draw_masks(next(self._pictures), {number: mask.rle for number, mask in record.objects.items()})
        self._writer.write(picture, None if self._times is None else self._times[record.frame] - self._zero)
        self._next += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer.frames_written:
            self._writer.close()
        else:
            self._writer.discard()


def write_overlay(result: Result, clip: Clip, path: Path) -> None:
    """The overlay of a run that went backward, or whose overlay is not there yet."""
    frames = _frames(result)
    with OverlayVideo(path, clip, range(frames[0], frames[-1] + 1)) as video:
        for frame in range(frames[0], frames[-1] + 1):
            found = {m.object_id: m[frame] for m in result.masklets if frame in m}
            video.add(FrameRecord(frame, found))


def write_sheet(result: Result, clip: Clip, path: Path) -> None:
    """A contact sheet of frames at equal distances, the prompts of those that have any drawn in."""
    frames = _frames(result)
    count = min(SHEET_FRAMES, len(frames))
    chosen = sorted({frames[round(i * (len(frames) - 1) / max(count - 1, 1))] for i in range(count)})
    prompts = [[p for m in result.masklets for p in m.prompts if p["frame"] == frame] for frame in chosen]
    header = result.header
    sheet = contact_sheet(
        [clip[frame] for frame in chosen],
        [{m.object_id: m[frame].rle for m in result.masklets if frame in m} for frame in chosen],
        numbers=chosen,
        prompts=prompts,
        title=f"{clip.name}, {header['model']}, frames {frames[0]} to {frames[-1]}",
    )
    write_image(path, sheet)


def _frames(result: Result) -> list[int]:
    return sorted({frame for masklet in result.masklets for frame in masklet.frames})


@dataclass(frozen=True, slots=True)
class Output:
    """What a --format writes: its words on the screen, its name in the folder, and how it is written."""

    what: str
    name: str
    write: Callable[[Result, Clip, Path], None]


OUTPUTS: Mapping[str, Output] = {
    "overlay": Output("overlay video", "overlay.mp4", write_overlay),
    "sheet": Output("contact sheet", "sheet.png", write_sheet),
}
RESULT = Output("masklets", "masklets.json", lambda result, _clip, path: result.write(path))


def write_outputs(
    journal: Path, clip: Clip, formats: Sequence[str], done: Sequence[str] = ()
) -> Iterator[tuple[str, Path]]:
    """Write `masklets.json` and what `formats` ask for, save what is `done`; yields each one's description and path."""
    result = Result(read_header(journal), masklets(journal))
    RESULT.write(result, clip, journal.parent / RESULT.name)
    yield RESULT.what, journal.parent / RESULT.name
    for name in formats:
        output = OUTPUTS[name]
        path = journal.parent / output.name
        if name not in done:
            output.write(result, clip, path)
        yield output.what, path


def forget_outputs(folder: Path) -> None:
    """Remove what an older run wrote into its folder."""
    for output in (RESULT, *OUTPUTS.values()):
        path = folder / output.name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
