"""All benchmarks, part by part: `python -m benchmarks.run`, or some of the parts by name.

What is known already is not measured again, so that a run that was stopped goes on where it was; `--again` measures
anew. The tables go to benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks import curves as cost
from benchmarks import figures, report
from benchmarks import ladder as rungs
from benchmarks.components import DTYPES, Plan, measure
from masklet.model.configs import CONFIGS


def components(options: argparse.Namespace) -> None:
    """Every case is kept as soon as it is measured."""
    for model in options.models:
        for dtype in options.dtypes:
            for objects in options.objects:
                if report.has_case(model, dtype, objects) and not options.again:
                    continue
                plan = Plan(
                    model=model, dtype=dtype, objects=objects, measured=options.measured, threads=options.threads
                )
                report.store(measure(plan))
                report.write()


def memory(options: argparse.Namespace) -> None:
    """One process for each curve, so that none inherits the other's memory."""
    report.RESULTS.mkdir(exist_ok=True)
    for archive in options.archive:
        _curve("nano", report.curve_file(archive), options.frames, archive, options)


def memory_tiny(options: argparse.Namespace) -> None:
    """A thousand frames: ten minutes with the native kernels, half an hour without."""
    report.RESULTS.mkdir(exist_ok=True)
    _curve(figures.TINY, report.tiny_curve_file(), 1000, "off", options)


def _curve(model: str, path: Path, frames: int, archive: str, options: argparse.Namespace) -> None:
    """A curve counts as known when it reaches its last frame."""
    if not options.again and path.exists() and frames in report.read(path).frames:
        return
    arguments = (model, path, frames, archive, options.threads)
    subprocess.run([sys.executable, "-m", "benchmarks.memory_curve", *map(str, arguments)], check=True)
    report.write()


def wanted(options: argparse.Namespace) -> None:
    """What the others do not tell: starts, clicks, MP4 to MP4, the agreement of bf16, the training step."""
    for name in options.parts:
        part = figures.PARTS[name]
        if set(part.keys) <= report.kept_figures().keys() and not options.again:
            continue
        report.store_figures(part.measure(options.threads))
        report.write()


def curves(options: argparse.Namespace) -> None:
    """Time and memory against frames, objects, pixels, threads."""
    cost.run(options.frames, again=options.again)
    report.write()


def ladder(options: argparse.Namespace) -> None:
    """Speed, and with --davis quality, of each rung of --fast."""
    rungs.run(options.davis, again=options.again)
    report.write()


PARTS = {
    "components": components,
    "figures": wanted,
    "ladder": ladder,
    "curves": curves,
    "memory": memory,
    "memory_tiny": memory_tiny,
    "report": lambda _: report.write(),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"{', '.join(PARTS)} (only write the tables); default: all")
    parser.add_argument("--again", action="store_true", help="measure what is known already, too")
    parser.add_argument("--models", nargs="+", choices=CONFIGS, default=["nano", "sam2.1-hiera-tiny"])
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--objects", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--measured", type=int, default=7, help="frames that count, after the warm-up")
    parser.add_argument("--frames", type=int, default=10_000, help="length of the memory curve and of the cost curve")
    parser.add_argument("--archive", nargs="+", choices=["on", "off"], default=["off", "on"])
    parser.add_argument("--parts", nargs="+", choices=figures.PARTS, default=list(figures.PARTS), help="of the figures")
    parser.add_argument("--davis", type=Path, help="folder of DAVIS sequences, for the ladder's J&F")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--note", help="what a reader of the tables should know of the machine")
    options = parser.parse_args()
    if unknown := set(options.what) - PARTS.keys():
        parser.error(f"expected {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    if options.note is not None:
        report.RESULTS.mkdir(exist_ok=True)
        (report.RESULTS / "note.txt").write_text(options.note)
    for name in options.what or PARTS:
        PARTS[name](options)


if __name__ == "__main__":
    main()
