"""Training: samples a second by recipe against what the machine can multiply, and a step beside transformers.

    python -m benchmarks.training [recipes] [step]

prints tables and keeps the rows in benchmarks/results/training.json. Samples are drawn before the clock starts; what is
timed is forward, backward and optimiser, in steps whose prompts are the same in every precision.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count
from transformers import Sam2Config, Sam2Model

from benchmarks.peer import load_peer, write_weights
from masklet import load_model
from masklet.data.samples import Sample
from masklet.data.scene import Scene
from masklet.model import checkpoints, native
from masklet.model.configs import CONFIGS, ModelConfig
from masklet.model.prompt_encoder import Points
from masklet.model.registry import order_for_convolutions
from masklet.model.sam2 import build
from masklet.train.batches import Batch, collate
from masklet.train.config import LossWeights, Recipe
from masklet.train.distributed import World
from masklet.train.learner import Learner, new_state
from masklet.train.losses import answer_loss
from masklet.train.prompts import click_inside
from masklet.train.recipes import distill, finetune, image, long, mae, nano, video
from masklet.train.unroll import Unroll, candidates

RESULTS = Path(__file__).parent / "results" / "training.json"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SIDE = 2048
"""Of the square matrices whose product is the ceiling."""
AGREEMENT = 1e-3
"""Relative difference of the two sides' losses above which they do not do the same."""


def recipes(model: str, size: int, teacher: Path) -> list[Recipe]:
    """Every recipe with batches that fit into a small machine: `model` at `size` px where the recipe is the paper's."""
    paper = {"model": model, "size": size}
    return [
        mae(model=model, size=size, pictures=8),
        image(**paper, pictures=1, objects=8),
        video(**paper, clips=1, length=8),
        long(**paper, clips=1, length=16),
        finetune(),
        distill(teacher=str(teacher)),
        nano(),
    ]


def measure(recipe: Recipe, dtype: str, steps: int, ceiling: float) -> list[dict[str, Any]]:
    """A row for stills and one for clips, as far as the recipe's last stage has them; `ceiling` in FLOP/s."""
    rows: list[dict[str, Any]] = []
    stage = recipe.stages[-1]
    for kind, share, count, length in (
        ("stills", 1 - stage.clip_share, stage.stills, 1),
        ("clips", stage.clip_share, stage.clips, stage.length),
    ):
        if not share:
            continue
        plan = replace(recipe, precision="bfloat16" if dtype == "bf16" else "float32")
        torch.manual_seed(0)
        learner = Learner(plan, stage, new_state(plan, build(plan.model.at(stage.size))), World())
        batch = drawn(count, length, stage.size, stage.objects)
        work: list[int] = []
        for step in range(steps):  # counted first: that warms up, too
            learner.step = step
            with counter() as counted:
                learner.update([batch])
            work.append(counted.get_total_flops())
        begin = time.perf_counter()
        for step in range(steps):
            learner.step = step
            learner.update([batch])
        seconds = (time.perf_counter() - begin) / steps
        rows.append(
            {
                "recipe": recipe.name,
                "model": recipe.model.name,
                "size": stage.size,
                "samples": f"{count} {kind} x {length}" if length > 1 else f"{count} {kind}",
                "objects": stage.objects,
                "dtype": dtype,
                "samples_per_second": count / seconds,
                "frames_per_second": count * length / seconds,
                "gflop": statistics.mean(work) / 1e9,
                "share": statistics.mean(work) / seconds / ceiling,
            }
        )
    return rows


def drawn(count: int, length: int, size: int, objects: int) -> Batch:
    """`count` clips of `objects` discs each; a still is a clip of one frame."""
    samples: list[Sample] = []
    for number in range(count):
        scene = Scene(number + length, size, size, objects)
        frames = np.stack([scene[number + t] for t in range(length)])
        masks = [[scene.mask(number + t, which) > 0 for t in range(length)] for which in range(objects)]
        samples.append(Sample(frames=frames, masks=np.array(masks), source="scene"))
    return collate(samples)


@contextmanager
def counter() -> Iterator[FlopCounterMode]:
    """Counts the operations of products and convolutions, and those of attention on a CPU, which torch leaves out."""
    aten = torch.ops.aten

    def forward(q: Any, k: Any, v: Any, *_: Any, **__: Any) -> int:
        return sdpa_flop_count(q, k, v)

    def backward(gradient: Any, q: Any, k: Any, v: Any, *_: Any, **__: Any) -> int:
        return sdpa_backward_flop_count(gradient, q, k, v)

    def learned(g: Any, x: Any, w: Any, *rest: Any, **__: Any) -> int:
        transposed, wanted = rest[4], rest[7]  # torch's own count forgets the groups of a convolution
        return 2 * g[0] * math.prod((x if transposed else g)[2:]) * math.prod(w) * sum(wanted[:2])

    known = {
        aten._scaled_dot_product_flash_attention_for_cpu: forward,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: backward,
        aten.convolution_backward: learned,
    }
    # Kernels that torch does not know of are not counted: what they compute is done without them.
    plain = patch.object(native, "untraced", return_value=False)
    with plain, FlopCounterMode(display=False, custom_mapping=known) as counted:
        yield counted


def matmul_ceiling(dtype: torch.dtype, side: int = SIDE, rounds: int = 7) -> float:
    """FLOP/s of the quickest of some products of two square matrices."""
    a, b = (torch.randn(side, side).to(dtype) for _ in range(2))
    spent: list[float] = []
    for _ in range(rounds):
        begin = time.perf_counter()
        torch.mm(a, b)
        spent.append(time.perf_counter() - begin)
    return 2 * side**3 / min(spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What both sides learn from: pictures, and for each object the same clicks, one more each round."""

    batch: Batch
    clicks: Sequence[Points]
    weights: LossWeights


def lesson(size: int, pictures: int, objects: int, rounds: int) -> Lesson:
    """Discs; the first click is inside, the others are in turn outside and inside."""
    batch = drawn(pictures, 1, size, objects)
    rng = np.random.default_rng(0)
    inside = (batch.shares[:, 0] >= 0.5).numpy()
    spots = [np.stack([click_inside(rng, m if k % 2 == 0 else ~m) for m in inside]) for k in range(rounds)]
    labels = [np.full(len(inside), 1 - k % 2) for k in range(rounds)]
    clicks = [
        Points(
            torch.from_numpy(np.stack(spots[: k + 1], axis=1)),
            torch.from_numpy(np.stack(labels[: k + 1], axis=1)),
        )
        for k in range(rounds)
    ]
    return Lesson(batch=batch, clicks=clicks, weights=LossWeights())


def our_loss(model: Any, task: Lesson) -> Tensor:
    """Of all rounds, with our model."""
    tracker = Unroll(model, model.encode_image(task.batch.images), 1, task.batch.owner)
    total, previous = torch.zeros(()), None
    for points in task.clicks:
        decoded = tracker.decode(0, points, previous)
        logits, iou = candidates(decoded, multimask=previous is None)
        loss, previous = _judged(logits, iou, decoded.object_score, task)
        total = total + loss
    return total


def peer_loss(peer: Any, task: Lesson) -> Tensor:
    """Of all rounds, with transformers' model: one look at the pictures, then an entry of its batch for each object."""
    batch = task.batch
    maps = peer.get_image_features(batch.images, return_dict=True).fpn_hidden_states  # each [h * w, B, C]
    maps[-1] = maps[-1] + peer.no_memory_embedding
    sizes = peer.backbone_feature_sizes
    looks = [x.permute(1, 2, 0).unflatten(2, s).index_select(0, batch.owner) for x, s in zip(maps, sizes, strict=True)]
    total, previous = torch.zeros(()), None
    for points in task.clicks:
        answer = peer(
            image_embeddings=looks,
            input_points=points.coordinates[:, None],
            input_labels=points.labels[:, None],
            input_masks=previous,
            multimask_output=previous is None,
        )
        logits, iou, score = (x[:, 0] for x in (answer.pred_masks, answer.iou_scores, answer.object_score_logits))
        loss, previous = _judged(logits, iou, score, task)
        total = total + loss
    return total


def _judged(logits: Tensor, iou: Tensor, score: Tensor, task: Lesson) -> tuple[Tensor, Tensor]:
    """The loss of an answer, and the mask that the next round starts from."""
    targets, present = task.batch.shares, task.batch.present[:, 0]
    loss = answer_loss(logits, iou, score, targets=targets, present=present, weights=task.weights).total.sum()
    best = iou.argmax(dim=1).view(-1, 1, 1, 1).expand(-1, 1, *logits.shape[2:])
    return loss / len(targets), logits.gather(1, best).detach().float().clamp(-32, 32)


SIDES: dict[str, Callable[[Any, Lesson], Tensor]] = {"masklet": our_loss, "transformers": peer_loss}


def compare(config: ModelConfig, task: Lesson, dtype: str, rounds: int) -> dict[str, Any]:
    """Median seconds of a training step of both sides with the same weights, in turn.

    Raises
    ------
    ValueError: their losses differ.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = write_weights(config, Path(folder))
        models = {"masklet": _ours(paths[0]), "transformers": _image_peer(config, paths)}
    optimisers = {name: torch.optim.AdamW(m.train().parameters(), lr=1e-6, foreach=True) for name, m in models.items()}
    losses: dict[str, list[float]] = {name: [] for name in SIDES}
    spent: dict[str, list[float]] = {name: [] for name in SIDES}
    for number in range(1 + rounds):
        # Who goes first changes from round to round, so that drift hits both alike; the first round does not count.
        for name in list(SIDES)[:: 1 if number % 2 else -1]:
            begin = time.perf_counter()
            losses[name].append(_step(name, models[name], optimisers[name], task, dtype))
            if number:
                spent[name].append(time.perf_counter() - begin)
    ours, theirs = (losses[name][0] for name in SIDES)
    if abs(ours - theirs) > (AGREEMENT if dtype == "fp32" else 0.05) * abs(ours):
        raise ValueError(f"{config.name} {dtype}: the sides' losses differ: {ours:.5f} and {theirs:.5f}")
    medians = {name: statistics.median(seconds) for name, seconds in spent.items()}
    return {
        "model": config.name,
        "size": config.image_size,
        "pictures": len(task.batch.images),
        "objects": len(task.batch.owner),
        "clicks": len(task.clicks),
        "dtype": dtype,
        **medians,
        "ratio": medians["transformers"] / medians["masklet"],
        "loss": ours,
    }


def _ours(path: Path) -> Any:
    """Our model, laid out in memory as the training loop does."""
    model = load_model(path, device="cpu")
    order_for_convolutions(model)
    return model


def _image_peer(config: ModelConfig, paths: tuple[Path, Path]) -> Any:
    """transformers' model of images, with the weights of its model of video."""
    whole = load_peer(config, paths, torch.float32)
    parts = {
        name: getattr(whole.config, name) for name in ("vision_config", "prompt_encoder_config", "mask_decoder_config")
    }
    peer: Any = Sam2Model(Sam2Config(**parts))
    weights = whole.state_dict()
    peer.load_state_dict({name: weights[name].view_as(value) for name, value in peer.state_dict().items()})
    return peer


def _step(name: str, model: nn.Module, optimiser: torch.optim.Optimizer, task: Lesson, dtype: str) -> float:
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
        loss = SIDES[name](model, task)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return float(loss.detach())


def store(kind: str, rows: list[dict[str, Any]]) -> None:
    """Keep the rows of one kind in the place of older ones."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({**kept, kind: rows}, indent=1) + "\n")


def table(title: str, rows: list[dict[str, Any]]) -> Table:
    """Rows of one kind under their own names; numbers with three digits that count."""
    rendered = Table(title=title)
    for name, value in rows[0].items():
        rendered.add_column(name.replace("_", " "), justify="left" if isinstance(value, str) else "right")
    for row in rows:
        rendered.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    return rendered


def main() -> None:
    from benchmarks import report

    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("what", nargs="*", choices=["recipes", "step", []], default=["recipes", "step"])
    parser.add_argument("--model", choices=CONFIGS, default="sam2.1-hiera-tiny")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--steps", type=int, default=4, help="steps that are timed of each recipe")
    parser.add_argument("--pictures", type=int, default=2, help="of the step that is compared")
    parser.add_argument("--objects", type=int, default=4, help="of each of these pictures")
    parser.add_argument("--clicks", type=int, default=4, help="on each object, one a round")
    parser.add_argument("--rounds", type=int, default=5, help="steps that are compared")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    console = Console()
    if "recipes" in options.what:
        rows: list[dict[str, Any]] = []
        with tempfile.TemporaryDirectory() as folder:
            teacher = Path(folder) / "teacher.safetensors"
            torch.manual_seed(0)
            checkpoints.save(build(CONFIGS[options.model].at(options.size)), teacher)
            for dtype in options.dtypes:
                ceiling = matmul_ceiling(DTYPES[dtype])
                for recipe in recipes(options.model, options.size, teacher):
                    rows += measure(recipe, dtype, options.steps, ceiling)
                    store("recipes", rows)
        console.print(table("Training by recipe", rows))
        report.write()
    if "step" in options.what:
        task = lesson(options.size, options.pictures, options.objects, options.clicks)
        config = CONFIGS[options.model].at(options.size)
        rows = [compare(config, task, dtype, options.rounds) for dtype in options.dtypes]
        store("step", rows)
        console.print(table("A training step, seconds", rows))


if __name__ == "__main__":
    main()
