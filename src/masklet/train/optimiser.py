"""AdamW with the published groups: a rate that falls with the trunk's depth, no decay on what is not a matrix."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from masklet.model.configs import ConvConfig, HieraConfig
from masklet.train.config import Optimiser

TRUNK = "encoder.trunk."


def trunk_layers(encoder: HieraConfig | ConvConfig) -> int:
    """Layers of a trunk that layer decay tells apart: the stem, then every block (Hiera) or stage (convolutions)."""
    return 1 + (sum(encoder.depths) if isinstance(encoder, HieraConfig) else len(encoder.stages))


def trunk_layer(name: str) -> int:
    """The layer, from 0, that a trunk parameter belongs to; `name` is its full name in the model."""
    match = re.match(r"(?:blocks|stages)\.(\d+)\.", name.removeprefix(TRUNK))
    return 1 + int(match[1]) if match else 0


def is_frozen(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the regular expressions matches the whole name."""
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def freeze(model: nn.Module, patterns: Iterable[str]) -> list[str]:
    """Take the parameters that the patterns name out of training; returns their names.

    Raises
    ------
    ValueError: a pattern names nothing.
    """
    patterns = list(patterns)
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(re.fullmatch(pattern, name) for name in names):
            raise ValueError(f"frozen: {pattern!r} matches no parameter of the model")
    frozen = [name for name in names if is_frozen(name, patterns)]
    for name in frozen:
        model.get_parameter(name).requires_grad = False
    return frozen


def build_optimiser(
    model: nn.Module, extras: Iterable[Tensor], encoder: HieraConfig | ConvConfig, options: Optimiser
) -> torch.optim.AdamW:
    """AdamW over what of `model` is trained, and over the objective's own `extras` at the head's rate.

    Each group keeps its peak rate as "peak". No decay on biases, norms and learned vectors (weights of fewer than two
    dimensions, and parameters that are no "weight").
    """
    last = trunk_layers(encoder) - 1
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = options.rate
        if name.startswith(TRUNK):
            rate = options.trunk_rate * options.layer_decay ** (last - trunk_layer(name))
        decay = options.weight_decay if parameter.ndim > 1 and _is_matrix(name) else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    for parameter in extras:
        decay = options.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((options.rate, decay), []).append(parameter)
    if not groups:
        raise ValueError("nothing is left to train: every parameter is frozen")
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "peak": rate, "weight_decay": decay} for (rate, decay), p in groups.items()],
        betas=options.betas,
        foreach=True,
    )


def _is_matrix(name: str) -> bool:
    # Low-rank updates are parametrisations of a weight: `weight.0.down`.
    return name.endswith(".weight") or ".parametrizations.weight." in name
