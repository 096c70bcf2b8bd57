"""Resident memory of a session over a long video: it has to stay flat.

The video is drawn on demand, so that all that grows is the session's own. One object is followed.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from masklet import load_model
from masklet.data.scene import Scene
from masklet.model.configs import CONFIGS
from masklet.model.sam2 import Sam2
from masklet.session.video import VideoSession

SETTLED = 100
"""Frames after which everything that a session needs has been allocated once."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Resident memory in MB after so many frames."""

    frames: tuple[int, ...]
    resident: tuple[float, ...]

    def at(self, frame: int) -> float:
        """Memory at the last sample that is not after `frame`."""
        return max((f, r) for f, r in zip(self.frames, self.resident, strict=True) if f <= frame)[1]

    @property
    def growth(self) -> float:
        """Largest memory of all, less that after the first hundred frames."""
        base = self.at(SETTLED)
        return max(r for f, r in zip(self.frames, self.resident, strict=True) if f >= SETTLED) - base


def record(path: Path, *, model: str, frames: int, archive: bool, threads: int) -> Curve:
    """Tracks `frames` frames of 640x360 and writes the curve to `path` as it grows.

    nano in fp32 with its own weights; any other model in bf16 with synthetic ones.
    """
    torch.set_num_threads(threads)
    scene = Scene(frames, 360, 640)
    with (
        VideoSession(_loaded(model), scene, archive=archive) as session,
        path.open("w", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["frames", "resident_mb"])
        session.prompt(0, 1, mask=scene.mask(0, 0))
        for done in _track(session, frames):
            writer.writerow([done, f"{resident_memory():.1f}"])
            file.flush()
    return read(path)


def _loaded(model: str) -> Sam2:
    if model == "nano":
        return load_model(model, device="cpu")
    from benchmarks.peer import write_weights

    with tempfile.TemporaryDirectory() as folder:
        return load_model(write_weights(CONFIGS[model], Path(folder))[0], device="cpu", dtype=torch.bfloat16)


def read(path: Path) -> Curve:
    """A curve that `record` has written."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Curve(tuple(int(row["frames"]) for row in rows), tuple(float(row["resident_mb"]) for row in rows))


def _track(session: VideoSession, frames: int) -> Iterator[int]:
    """Yields the number of frames done, often enough for a curve; reads each mask, as a user would."""
    begin = time.monotonic()
    for done, result in enumerate(session.propagate(), start=1):
        assert result.objects[1].mask.shape == session.size
        if done % max(frames // 100, 10) == 0 or done == frames:
            rate = done / (time.monotonic() - begin)
            left = (frames - done) / rate
            print(f"\r{done}/{frames} frames, {rate:.1f}/s, {left:.0f} s left ", end="", file=sys.stderr, flush=True)
            yield done
    print(file=sys.stderr)


def resident_memory() -> float:
    """Resident memory of this process now, in MB."""
    import psutil

    return psutil.Process().memory_info().rss / 2**20


def main(model: str, path: str, frames: str, archive: str, threads: str) -> None:
    """`python -m benchmarks.memory_curve MODEL OUT.csv FRAMES on|off THREADS`: a process of its own for `run`."""
    curve = record(Path(path), model=model, frames=int(frames), archive=archive == "on", threads=int(threads))
    print(f"growth after {SETTLED} frames: {curve.growth:.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
