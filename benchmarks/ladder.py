"""The ladder of quality and speed: frames per second of each rung, and J&F beside it where it was evaluated.

`python -m benchmarks.run ladder --davis ../shared/data/davis_dev`; without --davis only the speed. What is known is not
measured again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.pipeline import frames_per_second
from masklet.model.configs import NANO
from masklet.model.fast import FAST

FILE = Path(__file__).parent / "results" / "ladder.json"
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
Row = dict[str, Any]


def run(davis: Path | None, *, again: bool) -> None:
    """Measures what is missing (`again`: everything) of every rung in bf16, and of the model as trained in fp32."""
    rows: dict[str, Row] = {} if again else read()
    for level, dtype in ((0, "fp32"), *((level, "bf16") for level in range(len(FAST)))):
        row = rows.setdefault(f"{level} {dtype}", {"fast": level, "dtype": dtype})
        for objects in (1, 10):
            if f"speed_{objects}" not in row:
                row[f"speed_{objects}"] = frames_per_second(objects, dtype=DTYPES[dtype], fast=level)
                _keep(rows)
        if davis is not None and "jf" not in row:
            row["jf"] = _jf(davis, DTYPES[dtype], level)
            _keep(rows)


def read() -> dict[str, Row]:
    """The rows that are known."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def section(rows: dict[str, Row]) -> str:
    """The table, empty where nothing was measured."""
    if not rows:
        return ""
    lines = [
        "## The ladder: `--fast`, nano",
        "",
        "Frames per second from MP4 to MP4 (854x480); J&F on six DAVIS sequences from a mask.",
        "",
        "| --fast | precision | image | recent memories | pooled | frames/s | with 10 objects | J&F |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows.values():
        config = FAST[row["fast"]].of(NANO)
        recent = config.memories - 1 if config.memory_recent is None else config.memory_recent
        speeds = [f"{row[key]:.1f}" if key in row else "" for key in ("speed_1", "speed_10")]
        quality = f"{100 * row['jf']:.1f}" if "jf" in row else ""
        cells = [row["fast"], row["dtype"], config.image_size, recent, f"{config.memory_pool}x{config.memory_pool}"]
        lines.append(f"| {' | '.join(map(str, (*cells, *speeds, quality)))} |")
    return "\n".join((*lines, ""))


def _keep(rows: dict[str, Row]) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(rows, indent=1) + "\n")


def _jf(davis: Path, dtype: str, level: int) -> float:
    """Mean J&F, 0..1, of `masklet evaluate vos`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("masklet")), "evaluate", "vos", str(davis), "--predictor", "nano"]
        command += ["--prompt", "mask", "--workers", "2", "--device", "cpu", "--dtype", dtype, "--fast", str(level)]
        subprocess.run([*command, "-o", folder, "--overwrite"], check=True, stdout=subprocess.DEVNULL)
        return jf_of(Path(folder) / "results.json")


def jf_of(path: Path) -> float:
    """The mean J&F of the one predictor in a run's results."""
    found = json.loads(path.read_text())["figures"]
    (value,) = (figure["value"] for figure in found if figure["metric"] == "J&F")
    return float(value)
