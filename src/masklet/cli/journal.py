"""The journal of a tracking run: `track.jsonl`, one JSON line a frame, written while the run goes on.

The first line is the header: what is tracked, in what, by which model. Each line behind it is a frame in the order of
tracking. The file only grows and is flushed line by line, so that a run killed at any moment loses at most the frame it
was at; a torn last line is dropped when the file is read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from masklet.masks import FrameMask, Masklet, Rle

FORMAT = 1


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """What was found in one frame: object id -> mask."""

    frame: int
    objects: Mapping[int, FrameMask]


class Journal:
    """An open journal; a context manager.

    Attributes:
        path: the file.
        header: its first line.
        count: how many frames it holds.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], count: int, file: io.FileIO) -> None:
        self.path = path
        self.header = header
        self.count = count
        self._file = file

    @classmethod
    def create(cls, path: Path, header: Mapping[str, Any]) -> Self:
        """Start a journal, in place of an older one. `header` must be JSON-able and name "height" and "width"."""
        file = path.open("wb", buffering=0)
        journal = cls(path, dict(header), 0, file)
        journal._write({"format": FORMAT, **header})
        return journal

    @classmethod
    def reopen(cls, path: Path, keep: int) -> Self:
        """Open a journal to go on behind its first `keep` frames; what is behind them is cut off.

        Raises:
            ValueError: no journal, or one with fewer frames.
        """
        header = read_header(path)
        with path.open("rb") as raw:
            for _ in range(keep + 1):
                line = raw.readline()
                if not line.endswith(b"\n"):
                    raise ValueError(f"{path} holds fewer than {keep} frames")
            end = raw.tell()
        with path.open("r+b") as raw:
            raw.truncate(end)
        return cls(path, header, keep, path.open("ab", buffering=0))

    def append(self, record: FrameRecord) -> None:
        """Write a frame; it is in the file when this returns. Raises OSError where that fails: the disk is full."""
        objects = {
            str(object_id): {
                "counts": mask.rle.counts.decode("ascii"),
                "score": mask.score,
                "iou": mask.iou,
                "visible": mask.visible,
                "prompted": mask.prompted,
            }
            for object_id, mask in record.objects.items()
        }
        self._write({"frame": record.frame, "objects": objects})
        self.count += 1

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, value: Mapping[str, Any]) -> None:
        line = memoryview(f"{json.dumps(value, separators=(',', ':'))}\n".encode())
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error  # the system's error names no file


def read_header(path: Path) -> dict[str, Any]:
    """The header of a journal.

    Raises:
        ValueError: the file is no journal. OSError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            header = json.loads(file.readline())
        if header.pop("format") != FORMAT:
            raise KeyError("format")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise ValueError(f"{path} is no journal of a tracking run (or one of another version of masklet)") from None
    return header


def read_records(path: Path) -> Iterator[FrameRecord]:
    """The frames of a journal in the order of tracking, one at a time; a torn last line is left out.

    Raises:
        ValueError: a damaged line.
    """
    header = read_header(path)
    size = [header["height"], header["width"]]
    with path.open(encoding="utf-8") as file:
        file.readline()
        for number, line in enumerate(file, start=2):
            if not line.endswith("\n"):
                return
            try:
                yield _parse(json.loads(line), size)
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                raise ValueError(f"{path}, line {number}: damaged ({error})") from None


def masklets(path: Path) -> list[Masklet]:
    """One masklet for each object of a journal, ascending ids. A frame tracked twice (from both sides) counts once."""
    header = read_header(path)
    found: dict[int, Masklet] = {}
    for record in read_records(path):
        for object_id, mask in record.objects.items():
            if object_id not in found:
                prompts = [p for p in header["prompts"] if p["object"] == object_id]
                found[object_id] = Masklet(object_id, header["height"], header["width"], prompts=prompts)
            found[object_id].add(mask, replace=True)
    return [found[object_id] for object_id in sorted(found)]


def _parse(value: Mapping[str, Any], size: list[int]) -> FrameRecord:
    frame = value["frame"]
    objects = {
        int(object_id): FrameMask(
            frame=frame,
            rle=Rle.from_coco({"size": size, "counts": mask["counts"]}),
            score=mask["score"],
            iou=mask["iou"],
            visible=mask["visible"],
            prompted=mask["prompted"],
        )
        for object_id, mask in value["objects"].items()
    }
    return FrameRecord(frame, objects)
