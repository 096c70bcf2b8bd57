"""Cost curves of nano: time and memory against frames, objects, pixels and threads.

`python -m benchmarks.run curves`. Each point is measured in a process of its own and kept at once; a run that was
stopped goes on where it was.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from benchmarks.apart import apart
from benchmarks.memory_curve import resident_memory
from benchmarks.plot import Axis, draw
from masklet import load_model
from masklet.data.scene import Scene
from masklet.session.video import VideoSession

HERE = Path(__file__).parent
FILE = HERE / "results" / "curves.json"
OBJECTS = (1, 2, 4, 8, 16, 32, 64)
HEIGHTS = (360, 480, 720, 1080, 1440, 2160)
WARM_UP = 5
"""Frames after which the memory bank is full."""
MARKS = tuple(step * 10**power for power in range(1, 5) for step in (1, 2, 5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is tracked: `objects` discs over `frames` frames of 16:9 and `height` rows, on `threads` threads."""

    frames: int = 24
    objects: int = 1
    height: int = 480
    threads: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A case, the milliseconds of a frame (median) and the resident memory at its end, in MB."""

    axis: str
    at: float
    milliseconds: float
    resident: float


def cases(frames: int) -> dict[str, dict[float, Case]]:
    """All that is measured, by axis, but for the axis of frames: those come from one long run."""
    base = Case()
    cores = os.cpu_count() or 1
    return {
        "objects": {count: replace(base, objects=count) for count in OBJECTS},
        "megapixels": {round(height * _width(height) / 1e6, 2): replace(base, height=height) for height in HEIGHTS},
        "threads": {count: replace(base, threads=count) for count in range(1, min(cores, 8) + 1)},
        "frames": {frames: replace(base, frames=frames)},
    }


def measure(case: Case) -> list[tuple[int, float, float]]:
    """After how many frames, milliseconds of a frame since the last such mark, resident memory then."""
    torch.set_num_threads(case.threads)
    scene = Scene(case.frames, case.height, _width(case.height), case.objects)
    model = load_model("nano", device="cpu", dtype=torch.bfloat16)
    found: list[tuple[int, float, float]] = []
    with VideoSession(model, scene, archive=False) as session:
        for number in range(case.objects):
            session.prompt(0, number, mask=scene.mask(0, number))
        spent: list[float] = []
        for done, seconds in enumerate(_timed(session), start=1):
            if done > WARM_UP:
                spent.append(seconds)
            if spent and (done in MARKS or done == case.frames):
                found.append((done, 1000 * statistics.median(spent), resident_memory()))
                spent = spent[-1:]
    return found


def _timed(session: VideoSession) -> Iterator[float]:
    """Seconds of each frame, with its masks at the size of the video."""
    results = session.propagate()
    for _ in itertools.count():
        begin = time.perf_counter()
        result = next(results, None)
        if result is None:
            return
        for entry in result.objects.values():
            assert entry.mask.shape == session.size
        yield time.perf_counter() - begin


def run(frames: int, *, again: bool) -> None:
    """Measures what is missing (`again`: everything) and draws the pictures."""
    points = [] if again else read()
    known = {(point.axis, point.at) for point in points}
    for axis, some in cases(frames).items():
        for at, case in some.items():
            if (axis, at) in known:
                continue
            print(f"{axis} {at:g}", file=sys.stderr, flush=True)
            marks = apart(measure, case)
            kept = marks if axis == "frames" else marks[-1:]
            for done, milliseconds, resident in kept:
                place = float(done) if axis == "frames" else at
                points = [point for point in points if (point.axis, point.at) != (axis, place)]
                points.append(Point(axis=axis, at=place, milliseconds=milliseconds, resident=resident))
            FILE.parent.mkdir(exist_ok=True)
            FILE.write_text(json.dumps([asdict(point) for point in points], indent=1) + "\n")
    pictures(points)


def read() -> list[Point]:
    """The points that were measured so far."""
    return [Point(**row) for row in json.loads(FILE.read_text())] if FILE.exists() else []


def pictures(points: list[Point]) -> None:
    """`curve_AXIS_time.png` and `curve_AXIS_memory.png` beside this file, of each axis that was measured."""
    for axis in dict.fromkeys(point.axis for point in points):
        some = sorted((point for point in points if point.axis == axis), key=lambda point: point.at)
        x = Axis(label=axis, logarithmic=axis != "threads" and len(some) > 1)
        for what, label, value in (
            ("time", "ms a frame", lambda point: point.milliseconds),
            ("memory", "resident MB", lambda point: point.resident),
        ):
            line = [(point.at, value(point)) for point in some]
            draw(HERE / f"curve_{axis}_{what}.png", {"nano bf16": line}, x=x, y=Axis(label=label))


def section(points: list[Point]) -> str:
    """The table of all points, empty where nothing was measured."""
    if not points:
        return ""
    lines = ["## Cost curves of nano", "", "bf16, one object at 854x480 on two threads where not said otherwise.", ""]
    for axis in dict.fromkeys(point.axis for point in points):
        some = sorted((point for point in points if point.axis == axis), key=lambda point: point.at)
        lines += [f"| {axis} | {' | '.join(f'{point.at:,g}' for point in some)} |", "|---" * (1 + len(some)) + "|"]
        lines.append(f"| ms a frame | {' | '.join(f'{point.milliseconds:.0f}' for point in some)} |")
        lines += [f"| resident MB | {' | '.join(f'{point.resident:.0f}' for point in some)} |", ""]
        lines += [f"![{axis}](curve_{axis}_{what}.png)" for what in ("time", "memory")] + [""]
    return "\n".join(lines)


def _width(height: int) -> int:
    return 2 * math.ceil(height * 16 / 9 / 2)
