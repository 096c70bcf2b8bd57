"""Recipes: functions that return a typed configuration of a training run."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from masklet.train.config import Recipe
from masklet.train.recipes.distill import distill
from masklet.train.recipes.finetune import finetune
from masklet.train.recipes.image import image
from masklet.train.recipes.long import long
from masklet.train.recipes.mae import mae
from masklet.train.recipes.nano import nano
from masklet.train.recipes.video import video

__all__ = ["RECIPES", "describe", "distill", "finetune", "image", "long", "mae", "nano", "video"]

RECIPES: dict[str, Callable[..., Recipe]] = {
    "mae": mae,
    "image": image,
    "video": video,
    "long": long,
    "finetune": finetune,
    "distill": distill,
    "nano": nano,
}
"""Name -> function of keyword arguments, in the order of the paper's stages; `describe` says what each is for."""


def describe(name: str) -> str:
    """What a recipe does, in one line."""
    return (inspect.getdoc(RECIPES[name]) or "").splitlines()[0]
