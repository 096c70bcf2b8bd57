"""The training loop: reads from top to bottom, saves atomically, resumes exactly."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from masklet.model.sam2 import Sam2, build
from masklet.train.batches import Sources, ahead, draw_batch
from masklet.train.config import Recipe, Stage
from masklet.train.steps import clip_loss, still_loss


def learning_rate_factor(step: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at `step`: linear warm-up, then a cosine to zero at the last step."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    progress = (step - recipe.warm_up) / max(recipe.steps - recipe.warm_up, 1)
    return 0.5 * (1 + float(np.cos(np.pi * progress)))


def build_optimiser(model: Sam2, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with one rate for the trunk and one for the rest; no decay on biases, norms and learned vectors."""
    trunk = model.encoder.trunk
    frozen: list[nn.Module] = []
    if recipe.frozen_stages:
        frozen = [trunk.stem, *trunk.stages[: recipe.frozen_stages]]
    for module in frozen:
        module.requires_grad_(requires_grad=False)
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = recipe.encoder_rate if name.startswith("encoder.trunk.") else recipe.head_rate
        decay = recipe.weight_decay if parameter.ndim > 1 and name.endswith(".weight") else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "peak": rate, "weight_decay": decay} for (rate, decay), p in groups.items()],
        betas=(0.9, 0.99),
        foreach=True,
    )


def save_atomically(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint so that a crash leaves the old one or the new one, never a part."""
    temporary = path.with_name(path.name + ".part")
    torch.save(state, temporary)
    os.replace(temporary, path)


def train(
    recipe: Recipe,
    sources: Sources,
    folder: Path,
    *,
    prepare: Callable[[Sam2], None],
    stop_after: int | None = None,
) -> Path:
    """Run `recipe`, or go on with it where `folder` holds its checkpoint; returns the last checkpoint's path.

    SIGTERM and Ctrl-C save and return early. `folder` gets `last.pt` (weights, EMA weights, optimiser, step) and `log.jsonl`,
    one line a step.

    Parameters
    ----------
    prepare: fills the initial weights of a new run.
    stop_after: leave after this step of the schedule, for tests and for runs in parts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "last.pt"
    torch.manual_seed(recipe.seed)
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
    else:
        fresh = build(recipe.model)
        prepare(fresh)
        state = {"step": 0, "model": fresh.state_dict(), "ema": fresh.state_dict(), "optimiser": None}

    stopping = False

    def stop(signum: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    end = min(recipe.steps, stop_after or recipe.steps)
    step = state["step"]
    try:
        with (folder / "log.jsonl").open("a", buffering=1) as log:
            while step < end and not stopping:
                # One pass a stage: the image size is part of the model, the weights are not.
                stage = recipe.stage_at(step)
                until = step
                while until < end and recipe.stage_at(until) is stage:
                    until += 1
                model = build(recipe.model.at(stage.size))
                model.load_state_dict(state["model"])
                model.encoder.to(memory_format=torch.channels_last)
                model.train()
                optimiser = build_optimiser(model, recipe)
                if state["optimiser"] is not None:
                    optimiser.load_state_dict(state["optimiser"])
                average = {name: value.clone() for name, value in state["ema"].items()}
                batches = ahead(lambda at, stage=stage: draw_batch(sources, stage, recipe.seed, at), step, until)
                started = time.monotonic()
                for batch in batches:
                    waited = time.monotonic() - started
                    rng = np.random.default_rng([recipe.seed, 1, step])
                    factor = learning_rate_factor(step, recipe)
                    for group in optimiser.param_groups:
                        group["lr"] = group["peak"] * factor
                    if batch.length == 1:
                        loss = still_loss(model, batch, stage.rounds, recipe.losses, rng)
                    else:
                        loss = clip_loss(model, batch, recipe.losses, rng)
                    if not torch.isfinite(loss.total):
                        raise FloatingPointError(f"the loss of step {step} is {float(loss.total)}: {loss.figures}")
                    loss.total.backward()
                    norm = nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
                    optimiser.step()
                    optimiser.zero_grad(set_to_none=True)
                    _blend(average, model, min(recipe.ema, (step + 1) / (step + 10)))
                    step += 1
                    seconds = time.monotonic() - started
                    line = {"step": step, "frames": len(batch.images), "objects": len(batch.owner), "size": stage.size}
                    line |= {"seconds": round(seconds, 3), "waited": round(waited, 3), "norm": round(float(norm), 3)}
                    line |= {name: round(value, 4) for name, value in loss.figures.items()}
                    log.write(json.dumps(line) + "\n")
                    if stopping or step == until or step % recipe.save_every == 0:
                        state = {
                            "step": step,
                            "model": model.state_dict(),
                            "ema": average,
                            "optimiser": optimiser.state_dict(),
                        }
                        save_atomically(state, checkpoint)
                    if stopping:
                        break
                    started = time.monotonic()
                batches.close()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return checkpoint


@torch.no_grad()
def _blend(average: dict[str, Tensor], model: Sam2, keep: float) -> None:
    """Move the running average of the weights towards the model's, in place."""
    current = model.state_dict()
    torch._foreach_lerp_([average[name] for name in current], list(current.values()), 1 - keep)
