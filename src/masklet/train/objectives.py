"""From an objective's configuration to the module that learns by it."""

from __future__ import annotations

import torch

from masklet.model.registry import load_model
from masklet.model.sam2 import Sam2
from masklet.train.config import Distill, KeepTracking, Mae, Recipe, Segment, Stage
from masklet.train.distill import DistillModule
from masklet.train.keep_tracking import KeepTrackingModule
from masklet.train.mae import MaeModule
from masklet.train.objective import ObjectiveModule
from masklet.train.segment import SegmentModule


def build_objective(recipe: Recipe, stage: Stage, model: Sam2) -> ObjectiveModule:
    """The objective of `recipe` around `model`; its own weights are the same whenever the seed is.

    Raises
    ------
    FileNotFoundError: the teacher is not on this machine. ValueError: options that do not fit the model.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(recipe.seed)
        match recipe.objective:
            case Segment(losses=losses):
                return SegmentModule(model, losses, stage.prompting)
            case Mae() as options:
                return MaeModule(model, options)
            case Distill(teacher=name) as options:
                return DistillModule(model, load_model(name, device="cpu"), options, stage.prompting)
            case KeepTracking(teacher=name) as options:
                teacher = load_model(name, device="cpu", image_size=stage.size)
                return KeepTrackingModule(model, teacher, options, stage.prompting)
