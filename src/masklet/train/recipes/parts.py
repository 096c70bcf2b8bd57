"""What several recipes are made of: models by name, published rates, parts to be frozen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from masklet.model.configs import CONFIGS, HIERA, ConvConfig, HieraConfig, ModelConfig
from masklet.model.registry import canonical, load_model
from masklet.train.config import LossWeights, Optimiser

_LAYER_DECAY: dict[HieraConfig | ConvConfig, float] = {
    HIERA["tiny"]: 0.8,
    HIERA["small"]: 0.8,
    HIERA["base-plus"]: 0.9,
    HIERA["large"]: 0.925,
}

_DROP_PATH: dict[HieraConfig | ConvConfig, float] = {
    HIERA["tiny"]: 0.1,
    HIERA["small"]: 0.1,
    HIERA["base-plus"]: 0.2,
    HIERA["large"]: 0.3,
}

STEADY_LOSS = LossWeights(cross_entropy=1.0, focal=0.0, answers="mean")
"""For small batches: focal loss at its published weight collapses to nothing there (see the record of nano)."""

MEMORY = (
    r"(memory_attention|memory_encoder|pointer_projection|pointer_time|mask_downsample)\..*"
    r"|memory_time|no_memory|no_object_(pointer|memory)"
)
PARTS: dict[str, str] = {
    "trunk": r"encoder\.trunk\..*",
    "encoder": r"encoder\..*",
    "prompts": r"(prompt_encoder|drawing)\..*",
    "decoder": r"mask_decoder\..*",
    "refinement": r"refinement\..*",
    "memory": MEMORY,
}
"""Part of a model -> regular expression of its parameters; the encoder holds the trunk."""

REMEMBERING = (r"encoder\.(trunk|neck)\..*", MEMORY)
"""What is seen and remembered of a frame: all that tracks, but for the decoder and the skips that lead to it."""


def named(model: str, size: int | None = None) -> ModelConfig:
    """The configuration of a model in the table, at another image size where one is given.

    Raises ValueError where the table has no such name.
    """
    name = canonical(model)
    if name is None:
        raise ValueError(f"no model is called {model!r}; names: {', '.join(CONFIGS)}")
    return CONFIGS[name] if size is None else CONFIGS[name].at(size)


def found(model: str | Path, size: int | None = None) -> ModelConfig:
    """The configuration that the weights of a named model, or of a file, show: of what a run goes on from.

    Raises FileNotFoundError where there are no weights.
    """
    config = load_model(model, device="cpu").config
    return config if size is None else config.at(size)


def frozen(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters of named parts.

    Raises ValueError where one is unknown.
    """
    for part in parts:
        if part not in PARTS:
            raise ValueError(f"no part is called {part!r}; parts: {', '.join(PARTS)}")
    return tuple(PARTS[part] for part in parts)


def published_rates(config: ModelConfig, *, rate: float, trunk_rate: float) -> Optimiser:
    """AdamW as SAM 2 was trained with: decay 0.1, clipping to 0.1, layer decay by the size of the trunk.

    Trunks that were not published, where depth hardly tells layers apart, have one rate.
    """
    optimiser = Optimiser(rate=rate, trunk_rate=trunk_rate, weight_decay=0.1, clip_norm=0.1)
    return replace(optimiser, layer_decay=_LAYER_DECAY.get(config.encoder, 1.0))


def published_drop_path(config: ModelConfig) -> float:
    """The rate of SAM 2's image pre-training, by the size of the trunk; 0 for trunks that were not published."""
    return _DROP_PATH.get(config.encoder, 0.0)


def published_dropout(config: ModelConfig) -> float:
    """The rate in memory attention that SAM 2 is configured with; 0 for models that were not published."""
    return 0.1 if config.encoder in HIERA.values() else 0.0
