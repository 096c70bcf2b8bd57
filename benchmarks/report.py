"""RESULTS.md from what the runs have left behind in results/: tables, the memory curve as a picture."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks import app, figures, ladder, profile
from benchmarks import curves as cost
from benchmarks.memory_curve import SETTLED, Curve, read
from benchmarks.plot import Axis, draw
from masklet.metrics.timing import COMPONENTS

HERE = Path(__file__).parent
RESULTS = HERE / "results"
COMPONENTS_FILE = RESULTS / "components.json"
FIGURES_FILE = RESULTS / "figures.json"


def curve_file(archive: str) -> Path:
    """Where the memory curve of nano with its archive `on` or `off` is kept."""
    return RESULTS / f"memory_archive_{archive}.csv"


def tiny_curve_file() -> Path:
    """Where the memory curve of tiny in bf16 is kept."""
    return RESULTS / "memory_tiny.csv"


def kept_figures() -> dict[str, float]:
    """The figures that were measured by themselves so far."""
    return json.loads(FIGURES_FILE.read_text()) if FIGURES_FILE.exists() else {}


def has_case(model: str, dtype: str, objects: int) -> bool:
    """Whether both sides of a case of the components were measured."""
    return {(model, dtype, objects, side) for side in ("masklet", "transformers")} <= {_case(row) for row in _rows()}


def store(rows: Sequence[dict[str, Any]]) -> None:
    """Keeps measured rows; those of the same model, precision, number of objects and side are replaced."""
    kept = {_case(row): row for row in _rows()}
    for row in rows:
        kept[_case(row)] = row | {"date": datetime.now(UTC).date().isoformat()}
    COMPONENTS_FILE.parent.mkdir(exist_ok=True)
    COMPONENTS_FILE.write_text(json.dumps(list(kept.values()), indent=1) + "\n")


def store_figures(found: Mapping[str, float]) -> None:
    """Keeps figures that were measured by themselves, in the place of older ones."""
    FIGURES_FILE.parent.mkdir(exist_ok=True)
    FIGURES_FILE.write_text(json.dumps(kept_figures() | dict(found), indent=1) + "\n")


def write() -> None:
    """Writes RESULTS.md and the picture of the memory curve."""
    curves = {archive: read(curve_file(archive)) for archive in ("off", "on") if curve_file(archive).exists()}
    note = " " + (RESULTS / "note.txt").read_text() if (RESULTS / "note.txt").exists() else ""
    parts = [_HEAD.format(machine=_machine(), note=note)]
    rows = sorted(_rows(), key=lambda row: (row["model"], row["dtype"] != "fp32", row["objects"]))
    for model in dict.fromkeys(row["model"] for row in rows):
        parts.append(_components_section(model, [row for row in rows if row["model"] == model]))
    tiny = {"tiny": read(tiny_curve_file())} if tiny_curve_file().exists() else {}
    parts.insert(1, figures.section(kept_figures() | figures.derived(rows, curves | tiny)))
    if curves:
        lines = {f"archive {name}": list(zip(c.frames, c.resident, strict=True)) for name, c in curves.items()}
        draw(HERE / "memory_curve.png", lines, x=Axis(label="frames"), y=Axis(label="resident MB"))
        parts.append(_curve_section(curves))
    more = (
        profile.section(),
        _recipes_section(),
        ladder.section(ladder.read()),
        cost.section(cost.read()),
        app.section(),
    )
    parts += [text for text in more if text]
    (HERE / "RESULTS.md").write_text("\n".join(parts))


_HEAD = """# Speed and memory

Written by `python -m benchmarks.run` (`make bench`); change that, not this.

{machine}{note}

Both sides run the same synthetic weights on the same frames, each in a process of its own with two threads, frame by
frame in turn; the first frames, until the memory bank is full, are not counted. Times are medians in milliseconds.
"Rest" is prompt encoding, the choice of mask, up-sampling and the keeping of records. IoU compares the two sides'
masks. Peak memory is the largest resident memory of the process, with PyTorch itself and the loading of the weights.
"""


def _components_section(model: str, rows: list[dict[str, Any]]) -> str:
    columns = ("frame", *COMPONENTS, "rest")
    lines = [
        f"## {model}, {rows[0]['image_size']} px",
        "",
        f"`{_command(model)}`, {' and '.join(sorted({row['date'] for row in rows}))}",
        "",
        f"| objects | precision | side | {' | '.join(columns)} | peak MB | IoU | frames |",
        "|---" * (6 + len(columns)) + "|",
    ]
    for row in rows:
        times = " | ".join(f"{1000 * row[name]:.0f}" for name in columns)
        lines.append(
            f"| {row['objects']} | {row['dtype']} | {row['side']} | {times} | {row['peak']:.0f} "
            f"| {row['iou']:.3f} | {row['frames']} |"
        )
    lines += ["", "transformers' time divided by ours:", ""]
    lines += [f"| objects | precision | {' | '.join(columns)} | peak |", "|---" * (3 + len(columns)) + "|"]
    for ours, theirs in zip(rows[::2], rows[1::2], strict=True):
        ratios = " | ".join(f"{theirs[name] / ours[name]:.2f}" for name in (*columns, "peak"))
        lines.append(f"| {ours['objects']} | {ours['dtype']} | {ratios} |")
    if model == "nano":
        lines += [
            "",
            "Convolutional trunks are unknown to transformers: there our image encoder runs on both sides. So is the "
            "read-out of memory, which both sides leave out; `masklet evaluate speed` measures nano as it is.",
        ]
    return "\n".join((*lines, ""))


def _curve_section(curves: dict[str, Curve]) -> str:
    marks = sorted({10 * 10**power for power in range(1, 6)} | {2000, 5000})
    lines = [
        "## Memory over a long video",
        "",
        "One object followed by nano over frames of 640x360 that are drawn on demand; resident memory in MB.",
        "",
        "`python -m benchmarks.run memory`",
        "",
    ]
    shown = [mark for mark in marks if any(mark <= curve.frames[-1] for curve in curves.values())]
    shown = sorted({*shown, *(curve.frames[-1] for curve in curves.values())})
    lines += [f"| frames | {' | '.join(f'archive {name}' for name in curves)} |", "|---" * (1 + len(curves)) + "|"]
    for mark in shown:
        cells = (f"{curve.at(mark):.0f}" if mark <= curve.frames[-1] else "" for curve in curves.values())
        lines.append(f"| {mark:,} | {' | '.join(cells)} |")
    growth = " | ".join(f"{curve.growth:+.0f}" for curve in curves.values())
    lines += [f"| most, against {SETTLED} frames | {growth} |", "", "![resident memory](memory_curve.png)", ""]
    return "\n".join(lines)


def _recipes_section() -> str:
    """How fast the recipes train; empty where none was measured."""
    kept = json.loads(figures.TRAINING_FILE.read_text()) if figures.TRAINING_FILE.exists() else {}
    if "recipes" not in kept:
        return ""
    lines = [
        "## Training by recipe",
        "",
        "`python -m benchmarks.training recipes`: forward, backward and optimiser, in batches that fit into a small "
        "machine. The ceiling is what PyTorch reaches with matrices of 2048x2048 in the same precision.",
        "",
        "| recipe | model | pixels | a step | objects | precision | samples/s | frames/s | GFLOP | of the ceiling |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in kept["recipes"]:
        told = [str(row[name]) for name in ("recipe", "model", "size", "samples", "objects", "dtype")]
        rates = [f"{row[name]:.3g}" for name in ("samples_per_second", "frames_per_second")]
        lines.append("| " + " | ".join((*told, *rates, f"{row['gflop']:.0f}", f"{row['share']:.0%}")) + " |")
    return "\n".join((*lines, ""))


def _rows() -> list[dict[str, Any]]:
    return json.loads(COMPONENTS_FILE.read_text()) if COMPONENTS_FILE.exists() else []


def _case(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("model", "dtype", "objects", "side"))


def _command(model: str) -> str:
    return f"python -m benchmarks.run components --models {model}"


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "masklet"))
    size = psutil.virtual_memory().total / 2**30
    return f"{_processor()}, {psutil.cpu_count()} cores, {size:.0f} GB; {packages}, Python {platform.python_version()}."


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines: Iterable[str] = info.read_text().splitlines() if info.exists() else ()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    matrix = " with AMX" if "amx_bf16" in flags else ""
    return (names[0] if names else platform.processor() or platform.machine()) + matrix
