"""How near to what the processor can do: each component's arithmetic, its time with and without the native kernels.

`python -m benchmarks.profile` measures on one thread, in seconds of the processor that the thread has had. With other
work on the machine they grow, but their ratios hardly change.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from masklet.metrics.timing import IMAGE_ENCODER, MEMORY_ATTENTION
from masklet.model import native
from masklet.model.configs import CONFIGS, ModelConfig
from masklet.model.memory_tokens import MemoryTokens
from masklet.model.registry import order_for_convolutions
from masklet.model.sam2 import Sam2, build

FILE = Path(__file__).parent / "results" / "profile.json"
MODEL = "sam2.1-hiera-tiny"
TURNS = 3
POINTERS = 64
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
Parts = dict[str, Callable[[], object]]


def measure() -> list[dict[str, Any]]:
    """One row for each component and precision; times are the least of several turns."""
    torch.set_num_threads(1)
    config = CONFIGS[MODEL]
    work = _products(config)
    kernels = native.library()
    sides = {"pytorch": None} | ({} if kernels is None else {"native": kernels})
    rows: list[dict[str, Any]] = []
    for name, dtype in DTYPES.items():
        with torch.inference_mode():
            parts = _parts(_random(config).to(dtype), config, dtype)
            a = torch.randn(2048, 2048, dtype=dtype)
            ceiling = 2 * 2048**3 / min(_seconds(lambda a=a: a @ a) for _ in range(TURNS))
            times: dict[str, dict[str, list[float]]] = {part: {side: [] for side in sides} for part in parts}
            for _ in range(TURNS):
                for side, library in sides.items():
                    native.library = lambda library=library: library
                    for part, run in parts.items():
                        times[part][side].append(_seconds(run))
        for part, found in times.items():
            seconds = {side: min(turns) for side, turns in found.items()}
            rows.append({"part": part, "dtype": name, "products": work[part], "ceiling": ceiling, "seconds": seconds})
            print(rows[-1], flush=True)
    return rows


def _seconds(run: Callable[[], object]) -> float:
    begin = time.thread_time()
    run()
    return time.thread_time() - begin


def _random(config: ModelConfig) -> Sam2:
    torch.manual_seed(0)
    model = build(config).eval()
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    order_for_convolutions(model)
    return model


def _parts(model: Sam2, config: ModelConfig, dtype: torch.dtype) -> Parts:
    """One frame's encoding, and its reading of a full memory bank of one object."""
    device, side = model.device, config.image_size
    images = torch.randn(1, 3, side, side, device=device).to(dtype)
    embedding = torch.randn(1, config.d_model, side // 16, side // 16, device=device).to(dtype)
    count = config.memories * (side // 16) ** 2 + POINTERS
    values = torch.randn(1, count, config.memory_dim, device=device).to(dtype)
    memory = MemoryTokens(values, values, torch.zeros(1, config.memories, dtype=torch.long, device=device), POINTERS)
    return {
        IMAGE_ENCODER: lambda: model.encoder(images),
        MEMORY_ATTENTION: lambda: model.memory_attention(embedding, memory),
    }


def _products(config: ModelConfig) -> dict[str, float]:
    """Floating-point operations of the products of each part; memories' values count with their own width."""
    with torch.device("meta"), torch.inference_mode():
        parts = _parts(build(config), config, torch.float32)
    found: dict[str, float] = {}
    for part, run in parts.items():
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            run()
        found[part] = counter.get_total_flops()
    tokens = (config.image_size // 16) ** 2
    keys = config.memories * tokens + POINTERS
    found[MEMORY_ATTENTION] -= 2 * config.memory_layers * tokens * keys * (config.d_model - config.memory_dim)
    return found


def section() -> str:
    """The table of the last measurement, or nothing."""
    if not FILE.exists():
        return ""
    lines = [
        "## Share of what the processor can do",
        "",
        f"{MODEL}, one frame and a full memory bank of one object, on one thread; milliseconds of processor time. The "
        "ceiling is what PyTorch reaches with matrices of 2048x2048; in float32 the native kernels may pass it, since "
        "they multiply parts in bfloat16.",
        "",
        "`python -m benchmarks.profile`",
        "",
        "| component | precision | GFLOP | ceiling GFLOP/s | PyTorch | share | native | share | gain |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in json.loads(FILE.read_text()):
        seconds: dict[str, float] = row["seconds"]
        cells = [f"{row['products'] / 1e9:.0f}", f"{row['ceiling'] / 1e9:.0f}"]
        for side in ("pytorch", "native"):
            found = seconds.get(side)
            share = "" if found is None else f"{row['products'] / found / row['ceiling']:.0%}"
            cells += ["" if found is None else f"{1000 * found:.0f}", share]
        cells.append(f"{seconds['pytorch'] / seconds['native']:.2f}" if "native" in seconds else "")
        lines.append(f"| {row['part']} | {row['dtype']} | {' | '.join(cells)} |")
    return "\n".join((*lines, ""))


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(measure(), indent=1) + "\n")
    print(section())
