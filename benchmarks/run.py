"""All benchmarks: `python -m benchmarks.run`, or one of them by name; the tables go to benchmarks/RESULTS.md."""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks import figures, report
from benchmarks.components import DTYPES, Plan, measure
from masklet.model.configs import CONFIGS


def components(options: argparse.Namespace) -> None:
    """Every case is kept as soon as it is measured."""
    for model in options.models:
        for dtype in options.dtypes:
            for objects in options.objects:
                plan = Plan(
                    model=model, dtype=dtype, objects=objects, measured=options.measured, threads=options.threads
                )
                report.store(measure(plan))
                report.write()


def memory(options: argparse.Namespace) -> None:
    """One process for each curve, so that none inherits the other's memory."""
    report.RESULTS.mkdir(exist_ok=True)
    for archive in options.archive:
        arguments = ("nano", report.curve_file(archive), options.frames, archive, options.threads)
        subprocess.run([sys.executable, "-m", "benchmarks.memory_curve", *map(str, arguments)], check=True)
        report.write()


def wanted(options: argparse.Namespace) -> None:
    """What the other two do not tell: clicks, start, MP4 to MP4."""
    report.store_figures(figures.measure(options.threads))
    report.write()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument(
        "what", nargs="*", help="components, memory, figures, or report (only write the tables); default: all"
    )
    parser.add_argument("--models", nargs="+", choices=CONFIGS, default=["nano", "sam2.1-hiera-tiny"])
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--objects", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--measured", type=int, default=7, help="frames that count, after the warm-up")
    parser.add_argument("--frames", type=int, default=10_000, help="length of the memory curve")
    parser.add_argument("--archive", nargs="+", choices=["on", "off"], default=["off", "on"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--note", help="what a reader of the tables should know of the machine")
    options = parser.parse_args()
    parts = {"components": components, "memory": memory, "figures": wanted, "report": lambda _: report.write()}
    chosen = options.what or ["components", "memory", "figures"]
    if unknown := set(chosen) - parts.keys():
        parser.error(f"expected {', '.join(parts)}, got {', '.join(sorted(unknown))}")
    if options.note is not None:
        report.RESULTS.mkdir(exist_ok=True)
        (report.RESULTS / "note.txt").write_text(options.note)
    for name in chosen:
        parts[name](options)


if __name__ == "__main__":
    main()
