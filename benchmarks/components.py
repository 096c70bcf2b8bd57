"""Seconds a frame, by component: ours and the peer with the same weights on the same frames, step by step in turn."""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peer import write_weights
from benchmarks.sides import SIDES, Job, Side, Step
from masklet.metrics.timing import COMPONENTS
from masklet.model.configs import CONFIGS

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured; medians are taken over `measured` frames, after as many as fill the memory bank."""

    model: str
    dtype: str
    objects: int
    measured: int
    threads: int
    image_size: int | None = None


def measure(plan: Plan) -> list[dict[str, Any]]:
    """One row for each side, ours first."""
    # A read-out of memory, drawn prompts and memories farther apart have no counterpart there: both sides go without.
    config = replace(CONFIGS[plan.model], readout=None, drawing=False, memory_stride=1)
    if plan.image_size is not None:
        config = config.at(plan.image_size)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            config=config,
            paths=write_weights(config, Path(folder)),
            dtype=DTYPES[plan.dtype],
            objects=plan.objects,
            frames=config.memories + 1 + plan.measured,
            threads=plan.threads,
        )
        rows = compare(job, f"{plan.model} {plan.dtype} x{plan.objects}")
    case = {"model": plan.model, "dtype": plan.dtype, "objects": plan.objects, "image_size": config.image_size}
    return [case | row for row in rows]


def compare(job: Job, label: str) -> list[dict[str, Any]]:
    """Both sides on one job: warm-up until the memory bank is full, then frame by frame in turn."""
    steps: dict[str, list[Step]] = {name: [] for name in SIDES}
    with ExitStack() as stack:
        sides = {name: stack.enter_context(Side(name, job)) for name in SIDES}
        for frame in range(job.frames):
            warm = frame > job.config.memories
            print(f"{label}: frame {frame} {'measured' if warm else 'warm-up'}", file=sys.stderr, flush=True)
            # Who goes first changes from frame to frame, so that drift hits both alike.
            for name in list(sides)[:: 1 if frame % 2 else -1]:
                step = sides[name].step()
                if warm:
                    steps[name].append(step)
        peaks = {name: side.peak() for name, side in sides.items()}
    ours, theirs = (np.stack([step.masks for step in steps[name]]) for name in SIDES)
    agreement = _iou(ours, theirs)
    return [
        {"side": name, **_medians(steps[name]), "peak": peaks[name], "iou": agreement, "frames": len(steps[name])}
        for name in SIDES
    ]


def _medians(steps: list[Step]) -> dict[str, float]:
    rest = [step.seconds - sum(step.parts.values()) for step in steps]
    return {
        "frame": statistics.median(step.seconds for step in steps),
        **{name: statistics.median(step.parts[name] for step in steps) for name in COMPONENTS},
        "rest": statistics.median(rest),
    }


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    """Mean IoU over frames and objects of masks [T, O, H, W]; 1 where both are empty."""
    union = (a | b).sum((-1, -2))
    return float(np.where(union, (a & b).sum((-1, -2)) / np.maximum(union, 1), 1.0).mean())
