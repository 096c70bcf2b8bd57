"""Low-rank adaptation (arXiv 2106.09685): a frozen weight W learns W + (alpha / r) U D with thin U and D."""

from __future__ import annotations

import copy
import re

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from masklet.train.config import Lora


class LowRank(nn.Module):
    """The update of one linear layer's weight [out, in]; zero at first."""

    def __init__(self, weight: Tensor, lora: Lora) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.down = nn.Parameter(nn.init.kaiming_uniform_(weight.new_empty(lora.rank, inputs), a=5**0.5))
        self.up = nn.Parameter(weight.new_zeros(outputs, lora.rank))
        self._scale = lora.alpha / lora.rank

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self._scale * self.up @ self.down


def add_lora(model: nn.Module, lora: Lora) -> list[str]:
    """Give the linear layers that `lora.targets` name an update and freeze all else; returns their names.

    Raises
    ------
    ValueError: a pattern names no linear layer.
    """
    linear = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    for pattern in lora.targets:
        if not any(re.fullmatch(pattern, name) for name in linear):
            raise ValueError(f"lora: {pattern!r} matches no linear layer of the model")
    model.requires_grad_(requires_grad=False)
    chosen = [name for name in linear if any(re.fullmatch(pattern, name) for pattern in lora.targets)]
    for name in chosen:
        update = LowRank(linear[name].weight, lora)
        parametrize.register_parametrization(linear[name], "weight", update)
    return chosen


@torch.no_grad()
def merged(model: nn.Module) -> nn.Module:
    """A copy of a model with its low-rank updates added into the weights: an ordinary model again."""
    whole = copy.deepcopy(model)
    for layer in list(whole.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return whole
