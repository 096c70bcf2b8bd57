"""Folding of foreign trunk weights, and the tied start of memory attention."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from masklet.model.configs import EFFICIENTNET_LITE0, NANO
from masklet.model.convnet import ConvTrunk, InvertedResidual
from masklet.model.memory_attention import MemoryAttentionLayer
from masklet.model.sam2 import MEAN, STD, build
from masklet.train.initial import NORM_EPS, convert_efficientnet_lite, load_trunk, tie_memory


def foreign_weights() -> dict[str, Tensor]:
    """Random weights under the original's names, shaped as our trunk needs them."""
    generator = torch.Generator().manual_seed(4)
    trunk = ConvTrunk(EFFICIENTNET_LITE0)
    weights: dict[str, Tensor] = {}

    def add(convolution: str, norm: str, module: torch.nn.Module) -> None:
        assert isinstance(module, torch.nn.Conv2d)
        shape = module.weight.shape
        weights[f"{convolution}.weight"] = torch.randn(shape, generator=generator) * 0.1
        weights[f"{norm}.weight"] = torch.rand(shape[0], generator=generator) + 0.5
        weights[f"{norm}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
        weights[f"{norm}.running_mean"] = torch.randn(shape[0], generator=generator) * 0.1
        weights[f"{norm}.running_var"] = torch.rand(shape[0], generator=generator) + 0.5

    add("_conv_stem", "_bn0", trunk.stem)
    blocks = [block for block in trunk.modules() if isinstance(block, InvertedResidual)]
    for index, block in enumerate(blocks):
        if block.expand is not None:
            add(f"_blocks.{index}._expand_conv", f"_blocks.{index}._bn0", block.expand)
        add(f"_blocks.{index}._depthwise_conv", f"_blocks.{index}._bn1", block.depthwise)
        add(f"_blocks.{index}._project_conv", f"_blocks.{index}._bn2", block.project)
    return weights


def test_stem_and_first_block_compute_what_the_original_computes() -> None:
    weights = foreign_weights()
    trunk = ConvTrunk(EFFICIENTNET_LITE0)
    trunk.load_state_dict(convert_efficientnet_lite(weights, EFFICIENTNET_LITE0))
    pixels = torch.randint(0, 256, (1, 3, 32, 32), generator=torch.Generator().manual_seed(1)).float()

    def layer(x: Tensor, convolution: str, norm: str, stride: int = 1, padding: int = 0, groups: int = 1) -> Tensor:
        x = F.conv2d(x, weights[f"{convolution}.weight"], stride=stride, padding=padding, groups=groups)
        statistics = (weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"])
        return F.batch_norm(x, *statistics, weights[f"{norm}.weight"], weights[f"{norm}.bias"], eps=NORM_EPS)

    def inside(x: Tensor, margin: int) -> Tensor:
        return x[..., margin:-margin, margin:-margin]  # zero padding means another colour in either scaling

    x = F.relu6(layer((pixels - 127) / 128, "_conv_stem", "_bn0", stride=2, padding=1))
    expected = F.relu6(layer(x, "_blocks.0._depthwise_conv", "_blocks.0._bn1", padding=1, groups=32))
    expected = layer(expected, "_blocks.0._project_conv", "_blocks.0._bn2")
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    with torch.no_grad():
        ours = trunk.stages[0](F.relu6(trunk.stem((pixels / 255 - mean) / std)))
    assert torch.allclose(inside(ours, 2), inside(expected, 2), atol=1e-4)


def test_missing_tensors_are_named() -> None:
    weights = foreign_weights()
    del weights["_blocks.3._bn1.bias"]
    with pytest.raises(ValueError, match=r"_blocks\.3\._bn1\.bias"):
        convert_efficientnet_lite(weights, EFFICIENTNET_LITE0)


def test_trunk_weights_load_from_a_file(tmp_path: Path) -> None:
    weights = foreign_weights()
    torch.save(weights, tmp_path / "lite0.pth")
    model = build(NANO.at(64))
    load_trunk(model, tmp_path / "lite0.pth")
    expected = convert_efficientnet_lite(weights, EFFICIENTNET_LITE0)["stages.2.1.expand.weight"]
    assert torch.equal(model.encoder.trunk.state_dict()["stages.2.1.expand.weight"], expected)


def test_tied_memory_finds_like_places() -> None:
    """A query attends most to the memory of the place that looks like it."""
    torch.manual_seed(0)
    model = build(NANO.at(64))
    tie_memory(model)
    looks = F.layer_norm(torch.randn(1, 16, NANO.d_model), (NANO.d_model,))  # 16 places
    embedding = looks.transpose(1, 2).unflatten(2, (4, 4))
    with torch.no_grad():
        memory = model.encode_memory(embedding, torch.zeros(1, 1, 64, 64), torch.ones(1, 1, dtype=torch.bool))
        memory = memory.flatten(2).transpose(1, 2)
        layer = model.memory_attention.layers[0]
        assert isinstance(layer, MemoryAttentionLayer)
        attention = layer.cross_attn
        scores = attention.q_proj(looks) @ attention.k_proj(memory).transpose(1, 2)
    assert scores[0].argmax(dim=1).tolist() == list(range(16))
