"""One optimiser step: model, averaged weights and optimiser of one stage, put together from a checkpoint's state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils.checkpoint import checkpoint

from masklet.model.sam2 import Sam2, build
from masklet.train.batches import Batch
from masklet.train.config import Recipe, Stage
from masklet.train.distributed import World
from masklet.train.drop_path import DropPath
from masklet.train.dropout import Dropout
from masklet.train.lora import add_lora, merged
from masklet.train.objective import DROPOUT, PATHS, Draw
from masklet.train.objectives import build_objective
from masklet.train.optimiser import build_optimiser, freeze

State = dict[str, Any]
"""What a checkpoint holds: "step", "model", "extras" (the objective's own weights), "average", "optimiser"."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a step did: figures for the log, over all processes."""

    norm: float
    figures: dict[str, float]


class Learner:
    """Trains the model of one stage.

    Attributes
    ----------
    step: how many optimiser steps have been made.
    """

    def __init__(self, recipe: Recipe, stage: Stage, state: State, world: World) -> None:
        self.step: int = state["step"]
        self._recipe = recipe
        self._world = world
        model = build_model(recipe, stage.size)
        model.load_state_dict(state["model"])
        freeze(model, recipe.optimiser.frozen)
        if not world.sharded:  # a sharded parameter must be laid out plainly
            _channels_last(model.encoder)
        objective = build_objective(recipe, stage, model)
        if state["extras"] is not None:
            objective.load_state_dict(state["extras"], strict=False)
        self._objective = objective.to(world.device).train()
        self._model = model
        self._drop_path = DropPath(model.encoder.trunk, recipe.drop_path) if recipe.drop_path else None
        self._dropout = Dropout(model.memory_attention, recipe.dropout) if recipe.dropout else None
        blocks = trunk_blocks(model)
        if recipe.checkpointing:
            for block in blocks:
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        self._module = world.spread(self._objective, blocks)
        self._average = {name: _like(value, state["average"][name]) for name, value in model.state_dict().items()}
        extras = [p for name, p in self._objective.named_parameters() if not name.startswith("model.")]
        self._optimiser = build_optimiser(model, extras, recipe.model.encoder, recipe.optimiser)
        if state["optimiser"] is not None:
            world.load_optimiser(self._objective, self._optimiser, state["optimiser"])

    def update(self, batches: Sequence[Batch]) -> Update:
        """One optimiser step over this process's batches.

        Raises
        ------
        FloatingPointError: the loss is not finite, in any process; nothing was changed.
        """
        factor = self._recipe.schedule.factor(self.step, self._recipe.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        here = sum(self._objective.units(batch) for batch in batches)
        everywhere = self._world.add({"units": (float(here), 1)})["units"][0]
        figures: dict[str, tuple[float, int]] = {}
        for index, batch in enumerate(batches):
            with self._world.unsynchronised(self._module, last=index == len(batches) - 1):
                self._backward(batch, everywhere, figures)
        figures = self._world.add(figures)
        if not all(torch.isfinite(torch.tensor(value)) for value, _ in figures.values()):
            raise FloatingPointError(f"step {self.step}: the loss is not finite: {_means(figures)}")
        trained = [p for group in self._optimiser.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(trained, self._recipe.optimiser.clip_norm)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._follow()
        self.step += 1
        return Update(float(_whole(norm)), _means(figures))

    def _backward(self, batch: Batch, units: float, figures: dict[str, tuple[float, int]]) -> None:
        bfloat16 = self._recipe.precision == "bfloat16"
        draw, device = Draw(self._recipe.seed, self.step), self._world.device
        if self._drop_path is not None:
            self._drop_path.draw(draw.pictures(batch, PATHS), device)
        if self._dropout is not None:
            self._dropout.draw(draw.objects(batch, DROPOUT), device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            loss = self._module(batch.to(device), draw)
        # Gradients are averaged over the processes, the loss over all units of the step.
        (loss.total * (self._world.size / units)).backward()
        for name, (value, count) in loss.figures.items():
            total, n = figures.get(name, (0.0, 0))
            figures[name] = total + value, n + count

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights towards the model's; the average is short in the first steps."""
        keep = min(self._recipe.ema, (self.step + 1) / (self.step + 10))
        for name, value in self._model.state_dict().items():
            self._average[name].lerp_(value, 1 - keep)

    def state(self) -> State:
        """What a checkpoint holds; every process must ask."""
        weights = self._world.weights(self._objective)
        own = {name: value for name, value in weights.items() if not name.startswith("model.")}
        return {
            "step": self.step,
            "model": {name[len("model.") :]: value for name, value in weights.items() if name.startswith("model.")},
            "extras": own,
            "average": {name: _whole(value).cpu() for name, value in self._average.items()},
            "optimiser": self._world.optimiser_state(self._objective, self._optimiser),
        }


def build_model(recipe: Recipe, size: int) -> Sam2:
    """The model of a recipe at an image size, with random weights, low-rank updates in place."""
    model = build(recipe.model.at(size))
    if recipe.optimiser.lora is not None:
        add_lora(model, recipe.optimiser.lora)
    return model


def averaged(recipe: Recipe, state: State) -> Sam2:
    """The model that a run has come to: averaged weights, low-rank updates added in, at the recipe's image size."""
    model = build_model(recipe, recipe.model.image_size)
    model.load_state_dict(state["average"])
    whole = merged(model)
    assert isinstance(whole, Sam2)
    return whole.eval()


def new_state(recipe: Recipe, start: Sam2) -> State:
    """The state before the first step: the weights of `start`, an untrained objective."""
    model = build_model(recipe, start.config.image_size)
    weights = model.state_dict()
    for name, value in start.state_dict().items():
        # A layer with a low-rank update keeps its own weight under another name.
        owner, _, leaf = name.rpartition(".")
        original = f"{owner}.parametrizations.{leaf}.original"
        weights[original if original in weights else name] = value
    return {"step": 0, "model": weights, "extras": None, "average": weights, "optimiser": None}


def trunk_blocks(model: Sam2) -> list[nn.Module]:
    """The parts of the trunk that are worth to be checkpointed or gathered one by one."""
    trunk = model.encoder.trunk
    return list(trunk.get_submodule("blocks" if hasattr(trunk, "blocks") else "stages").children())


def _means(figures: dict[str, tuple[float, int]]) -> dict[str, float]:
    return {name: value / count for name, (value, count) in figures.items() if count}


def _whole(value: Tensor) -> Tensor:
    return value.full_tensor() if isinstance(value, DTensor) else value


def _like(value: Tensor, whole: Tensor) -> Tensor:
    """A copy of `whole`, laid out over the processes as `value` is."""
    whole = whole.to(value.device).clone()
    return distribute_tensor(whole, value.device_mesh, value.placements) if isinstance(value, DTensor) else whole


def _channels_last(module: nn.Module) -> None:
    """Lay convolution kernels out channels last, the faster order on a CPU."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
