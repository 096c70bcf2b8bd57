"""From an objective's configuration to the module that learns by it."""

from __future__ import annotations

from masklet.model.sam2 import Sam2
from masklet.train.config import Recipe, Segment, Stage
from masklet.train.objective import ObjectiveModule
from masklet.train.segment import SegmentModule


def build_objective(recipe: Recipe, stage: Stage, model: Sam2) -> ObjectiveModule:
    """The objective of `recipe` around `model`; its own weights are the same whenever the seed is."""
    objective = recipe.objective
    match objective:
        case Segment():
            return SegmentModule(model, objective.losses, stage.prompting)
        case _:
            raise ValueError(f"no such objective: {objective}")
