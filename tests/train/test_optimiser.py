"""Groups of the optimiser: which parameter learns at which rate, and what decays."""

from __future__ import annotations

import pytest
from torch import nn

from masklet.model.configs import NANO, ConvConfig
from masklet.model.sam2 import build
from masklet.train.config import Optimiser
from masklet.train.optimiser import build_optimiser

OPTIONS = Optimiser(rate=1e-3, trunk_rate=1e-4, layer_decay=0.5, weight_decay=0.1)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return build(NANO.at(64))


def groups(model: nn.Module, options: Optimiser) -> dict[str, tuple[float, float]]:
    """Rate and decay by parameter."""
    assert isinstance(NANO.encoder, ConvConfig)
    optimiser = build_optimiser(model, (), NANO.encoder, options)
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {
        names[parameter]: (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for parameter in group["params"]
    }


def test_every_parameter_is_in_one_group(model: nn.Module) -> None:
    assert groups(model, OPTIONS).keys() == {name for name, _ in model.named_parameters()}


def test_rates_fall_with_the_depth_of_the_trunk(model: nn.Module) -> None:
    found = groups(model, OPTIONS)
    assert isinstance(NANO.encoder, ConvConfig)
    last = len(NANO.encoder.stages) - 1
    for stage in range(last + 1):
        (rate,) = {rate for name, (rate, _) in found.items() if name.startswith(f"encoder.trunk.stages.{stage}.")}
        assert rate == pytest.approx(1e-4 * 0.5 ** (last - stage))
    assert {rate for name, (rate, _) in found.items() if not name.startswith("encoder.trunk.")} == {1e-3}


def test_only_matrices_decay(model: nn.Module) -> None:
    found = groups(model, OPTIONS)
    for name, parameter in model.named_parameters():
        assert found[name][1] == (0.1 if parameter.ndim > 1 and name.endswith(".weight") else 0), name
