"""The training loop: reads from top to bottom, saves atomically, resumes exactly."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from masklet.model.convnet import ConvTrunk
from masklet.model.sam2 import Sam2, build
from masklet.train.batches import Batch, Sources, ahead, draw_batch
from masklet.train.config import Recipe, Stage
from masklet.train.steps import BatchLoss, clip_loss, still_loss


def train(
    recipe: Recipe,
    sources: Sources,
    folder: Path,
    *,
    prepare: Callable[[Sam2], None],
    stop_after: int | None = None,
) -> Path:
    """Run `recipe`, or go on with it where `folder` holds its checkpoint; returns the last checkpoint's path.

    SIGTERM and Ctrl-C save and return early. `folder` gets `last.pt` (weights, averaged weights, optimiser, step) and
    `log.jsonl`, one line a step. On one machine the result does not depend on how often a run was interrupted.

    Parameters
    ----------
    prepare: fills the initial weights of a new run.
    stop_after: leave after this step of the schedule, for runs in parts.

    Raises
    ------
    FloatingPointError: the loss is not finite; the last checkpoint stays as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "last.pt"
    state = torch.load(checkpoint, weights_only=True) if checkpoint.exists() else _new_state(recipe, prepare)
    end = min(recipe.steps, stop_after or recipe.steps)
    with (folder / "log.jsonl").open("a", buffering=1) as log, _Interrupts() as interrupts:
        while state["step"] < end and not interrupts.requested:
            # One pass a stage: the image size is part of the model, the weights are not.
            step = state["step"]
            stage = recipe.stage_at(step)
            until = min(end, recipe.stage_end(step))
            learner = Learner(recipe, stage, state)
            batches = ahead(lambda at, stage=stage: draw_batch(sources, stage, recipe.seed, at), step, until)
            asked = time.monotonic()
            for batch in batches:
                started = time.monotonic()
                figures = learner.update(batch)
                seconds = {"seconds": time.monotonic() - asked, "waited": started - asked}
                log.write(_log_line(learner.step, stage, batch, seconds | figures))
                if learner.step == until or learner.step % recipe.save_every == 0 or interrupts.requested:
                    state = learner.state()
                    save_atomically(state, checkpoint)
                if interrupts.requested:
                    break
                asked = time.monotonic()
            batches.close()
    return checkpoint


class Learner:
    """Model, averaged weights and optimiser of one stage, put together from a checkpoint's state."""

    def __init__(self, recipe: Recipe, stage: Stage, state: dict[str, Any]) -> None:
        self.step: int = state["step"]
        self._recipe = recipe
        self._stage = stage
        self._model = build(recipe.model.at(stage.size))
        self._model.load_state_dict(state["model"])
        _channels_last(self._model.encoder)
        self._model.train()
        self._average: dict[str, Tensor] = {name: value.clone() for name, value in state["average"].items()}
        self._optimiser = build_optimiser(self._model, recipe)
        if state["optimiser"] is not None:
            self._optimiser.load_state_dict(state["optimiser"])

    def update(self, batch: Batch) -> dict[str, float]:
        """One optimiser step; returns figures for the log."""
        rng = np.random.default_rng([self._recipe.seed, 1, self.step])
        factor = learning_rate_factor(self.step, self._recipe)
        for group in self._optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        loss = self._loss(batch, rng)
        if not torch.isfinite(loss.total):
            raise FloatingPointError(f"step {self.step}: the loss is not finite: {loss.figures}")
        loss.total.backward()
        norm = nn.utils.clip_grad_norm_(self._model.parameters(), self._recipe.clip_norm)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._follow()
        self.step += 1
        return {"norm": float(norm), **loss.figures}

    def _loss(self, batch: Batch, rng: np.random.Generator) -> BatchLoss:
        if batch.length == 1:
            return still_loss(self._model, batch, self._stage.rounds, self._recipe.losses, rng)
        return clip_loss(self._model, batch, self._recipe.losses, rng)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights towards the model's; the average is short in the first steps."""
        keep = min(self._recipe.ema, (self.step + 1) / (self.step + 10))
        for name, value in self._model.state_dict().items():
            self._average[name].lerp_(value, 1 - keep)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "step": self.step,
            "model": self._model.state_dict(),
            "average": self._average,
            "optimiser": self._optimiser.state_dict(),
        }


def _new_state(recipe: Recipe, prepare: Callable[[Sam2], None]) -> dict[str, Any]:
    torch.manual_seed(recipe.seed)
    model = build(recipe.model)
    prepare(model)
    return {"step": 0, "model": model.state_dict(), "average": model.state_dict(), "optimiser": None}


def _channels_last(module: nn.Module) -> None:
    """Lay convolution kernels out channels last, the faster order on a CPU."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def learning_rate_factor(step: int, recipe: Recipe) -> float:
    """Share of the peak learning rate at `step`: linear warm-up, level, half a cosine to zero at the last step.

    The level part leaves the length of a run open: a run whose machine has other work can be cut short or extended.
    """
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    progress = max(0.0, 1 - (recipe.steps - step) / recipe.cool_down)
    return 0.5 * (1 + float(np.cos(np.pi * progress)))


def build_optimiser(model: Sam2, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with one rate for the trunk and one for the rest; no decay on biases, norms and learned vectors.

    The first stages of a convolutional trunk are frozen as the recipe says.
    """
    trunk = model.encoder.trunk
    if isinstance(trunk, ConvTrunk) and recipe.frozen_stages:
        trunk.stem.requires_grad_(requires_grad=False)
        for stage in trunk.stages[: recipe.frozen_stages]:
            stage.requires_grad_(requires_grad=False)
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
    temporary.replace(path)


def _log_line(step: int, stage: Stage, batch: Batch, figures: dict[str, float]) -> str:
    counts = {"step": step, "frames": len(batch.images), "objects": len(batch.owner), "size": stage.size}
    return json.dumps(counts | {name: round(value, 4) for name, value in figures.items()}) + "\n"


class _Interrupts:
    """While entered, SIGTERM and Ctrl-C set `requested` instead of ending the process."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> Self:
        numbers = (signal.SIGTERM, signal.SIGINT)
        self._previous = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def _note(self, *_: object) -> None:
        self.requested = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
