"""The figures that this project's speed is judged by, each beside what is wanted of it.

Some follow from the components and the memory curves; the others are measured here in parts, each in a process of its
own: `python -m benchmarks.run figures --parts starts clicks`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.apart import apart
from benchmarks.memory_curve import Curve
from benchmarks.peer import write_weights
from benchmarks.pipeline import frames_per_second
from benchmarks.sides import Job, track_ours
from masklet import load_model
from masklet.metrics.timing import IMAGE_ENCODER
from masklet.model.configs import CONFIGS
from masklet.model.prompt_encoder import POSITIVE, Points

TINY = "sam2.1-hiera-tiny"
TRAINING_FILE = Path(__file__).parent / "results" / "training.json"
PUBLISHED_SECONDS_PER_OBJECT = 2.0
"""What an object more costs the published code in bf16, a frame (measured with tiny on two cores)."""
Seconds = Mapping[str, float]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted of a figure: at `least`, and as an `aim`; `unit` as printed, `most` where less is better."""

    name: str
    unit: str
    least: float
    aim: float
    most: bool = False

    def verdict(self, value: float) -> str:
        """`aim`, `yes` (what is wanted at least) or `no`."""
        sign = -1 if self.most else 1
        if sign * value >= sign * self.aim:
            return "aim"
        return "yes" if sign * value >= sign * self.least else "no"


TARGETS = {
    "fp32": Target("tiny fp32, 1 object, against transformers", "x", 1.6, 2),
    "bf16": Target("tiny bf16, 1 object, against transformers", "x", 2.5, 4),
    "bf16_iou": Target("tiny bf16: IoU of its masks with those of fp32", "", 0.99, 1),
    "objects_4": Target("tiny bf16: 4 objects against 1", "x", 2.2, 1.5, most=True),
    "objects_16": Target("tiny bf16: 16 objects, per object, of the published 2.0 s", "x", 1 / 3, 1 / 5, most=True),
    "encoder": Target("image encoder bf16, against transformers", "x", 2, 4),
    "nano": Target("nano bf16, 1 object, 854x480, MP4 to MP4", "frames/s", 15, 25),
    "nano_objects": Target("nano bf16, MP4 to MP4: 10 objects against 1", "x", 2, 1.4, most=True),
    "click_nano": Target("click on a prepared frame, nano", "ms", 15, 8, most=True),
    "click_tiny": Target("click on a prepared frame, tiny", "ms", 80, 40, most=True),
    "memory": Target("resident memory, 10,000 frames 640x360, nano", "MB more", 300, 100, most=True),
    "memory_tiny": Target(
        "resident memory, tiny bf16, frames 100 to 1,000 (published: 11,300 MB)", "MB more", 100, 30, most=True
    ),
    "help": Target("start of masklet --help", "s", 0.3, 0.15, most=True),
    "import": Target("import masklet", "s", 0.15, 0.075, most=True),
    "first_mask": Target("first mask with nano, from the start", "s", 2, 1, most=True),
    "step_fp32": Target("training step, tiny at 512 px, fp32, against transformers", "x", 1.2, 1.5),
    "step_bf16": Target("training step, tiny at 512 px, bf16, against transformers", "x", 1.2, 1.5),
}


@dataclass(frozen=True, slots=True)
class Part:
    """Figures that are measured together, in a few minutes at most: their keys, and how (given the threads)."""

    keys: tuple[str, ...]
    measure: Callable[[int], dict[str, float]]


def _clicks(threads: int) -> dict[str, float]:
    return {"click_nano": apart(_click, "nano", threads), "click_tiny": apart(_click, TINY, threads)}


def _tracking(_: int) -> dict[str, float]:
    one, ten = (frames_per_second(count, dtype="bfloat16") for count in (1, 10))
    return {"nano": one, "nano_objects": one / ten}


def _starts(_: int) -> dict[str, float]:
    masklet = str(Path(sys.executable).with_name("masklet"))
    bare = _start([sys.executable, "-c", ""])
    return {
        "help": _start([masklet, "--help"]),
        "import": _start([sys.executable, "-c", "import masklet"]) - bare,
        "first_mask": _start([sys.executable, "-c", _FIRST_MASK]),
    }


def _step(threads: int) -> dict[str, float]:
    """The training step; its table is kept by `benchmarks.training`, which is a program of its own."""
    command = [sys.executable, "-m", "benchmarks.training", "step", "--rounds", "3", "--threads", str(threads)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = json.loads(TRAINING_FILE.read_text())["step"]
    return {f"step_{row['dtype']}": row["ratio"] for row in rows}


PARTS = {
    "starts": Part(("help", "import", "first_mask"), _starts),
    "clicks": Part(("click_nano", "click_tiny"), _clicks),
    "tracking": Part(("nano", "nano_objects"), _tracking),
    "agreement": Part(("bf16_iou",), lambda threads: {"bf16_iou": apart(_agreement, threads)}),
    "step": Part(("step_fp32", "step_bf16"), _step),
}


def derived(rows: Rows, curves: Mapping[str, Curve]) -> dict[str, float]:
    """The figures that follow from rows of `components` and from memory curves, as far as there are any."""
    found: dict[str, float] = {}
    cases = {(row["model"], row["dtype"], row["objects"], row["side"]): row for row in rows}

    def ratio(key: str, above: tuple[Any, ...], below: tuple[Any, ...], column: str = "frame") -> None:
        if above in cases and below in cases:
            found[key] = cases[above][column] / cases[below][column]

    for dtype in ("fp32", "bf16"):
        ratio(dtype, (TINY, dtype, 1, "transformers"), (TINY, dtype, 1, "masklet"))
    ratio("objects_4", (TINY, "bf16", 4, "masklet"), (TINY, "bf16", 1, "masklet"))
    ratio("encoder", (TINY, "bf16", 1, "transformers"), (TINY, "bf16", 1, "masklet"), IMAGE_ENCODER)
    if (sixteen := cases.get((TINY, "bf16", 16, "masklet"))) is not None:
        found["objects_16"] = sixteen["frame"] / 16 / PUBLISHED_SECONDS_PER_OBJECT
    for key, names in (("memory", ("off", "on")), ("memory_tiny", ("tiny",))):
        if some := [curve.growth for name, curve in curves.items() if name in names]:
            found[key] = max(some)
    return found


def section(figures: Mapping[str, float]) -> str:
    """The table, with a row for each target; what was not measured is left open."""
    lines = [
        "## What is wanted",
        "",
        "`python -m benchmarks.run`. Ratios are of times; clicks are prompt "
        "encoder and decoder in fp32; MP4 to MP4 is what `masklet track` says of itself.",
        "",
        "| | found | at least | aim | reached |",
        "|---|---|---|---|---|",
    ]
    for key, target in TARGETS.items():
        value = figures.get(key)
        found, reached = ("", "") if value is None else (_shown(value, target.unit), target.verdict(value))
        least, aim = (_shown(limit, target.unit) for limit in (target.least, target.aim))
        word = "<= " if target.most else ""
        lines.append(f"| {target.name} | {found} | {word}{least} | {word}{aim} | {reached} |")
    return "\n".join((*lines, ""))


def _shown(value: float, unit: str) -> str:
    return f"{value:.3g}{'' if unit in ('x', '') else ' '}{unit}"


def _agreement(threads: int, frames: int = 10) -> float:
    """Mean IoU of tiny's masks in bf16 with those in fp32, over tracked frames."""
    torch.set_num_threads(threads)
    config, objects = CONFIGS[TINY], 1
    with tempfile.TemporaryDirectory() as folder:
        paths = write_weights(config, Path(folder))
        masks: list[np.ndarray] = []
        for dtype in (torch.float32, torch.bfloat16):
            job = Job(config=config, paths=paths, dtype=dtype, objects=objects, frames=frames, threads=threads)
            _, tracked = track_ours(job)
            masks.append(np.stack(list(tracked)[1:]))
    union = (masks[0] | masks[1]).sum((-1, -2))
    return float(np.where(union, (masks[0] & masks[1]).sum((-1, -2)) / np.maximum(union, 1), 1.0).mean())


@torch.inference_mode()
def _click(name: str, threads: int, repeats: int = 15) -> float:
    """Median milliseconds of prompt encoder and decoder for one click on a frame whose features are there."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        weights = name if name == "nano" else write_weights(CONFIGS[name], Path(folder))[0]
        model = load_model(weights, device="cpu")
    side = model.config.image_size
    features = model.encode_image(torch.zeros(1, 3, side, side))
    points = Points(torch.full((1, 1, 2), side / 2), torch.full((1, 1), POSITIVE))
    times: list[float] = []
    for _ in range(repeats):
        begin = time.perf_counter()
        model.decode(model.without_memory(features.embedding), features, points=points)
        times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times[2:])


def _start(command: Sequence[str], repeats: int = 5) -> float:
    """Median seconds from the start of a command to its end."""
    times: list[float] = []
    for _ in range(repeats):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


_FIRST_MASK = """
import numpy as np
from masklet import ImagePredictor, load_model
predictor = ImagePredictor(load_model("nano", device="cpu"))
predictor.set_image(np.zeros((480, 854, 3), np.uint8))
predictor.predict(points=[(427, 240)])
"""
