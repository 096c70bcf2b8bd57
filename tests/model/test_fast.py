"""The ladder of quality and speed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from masklet.model import checkpoints
from masklet.model.configs import NANO, OFFICIAL
from masklet.model.fast import FAST, rung
from masklet.model.positions import rotary_table
from masklet.model.registry import load_model
from masklet.model.sam2 import Sam2

TINY = OFFICIAL["sam2.1-hiera-tiny"]
CPU = torch.device("cpu")


def test_the_ladder_begins_with_the_model_as_it_is():
    assert rung(0).of(NANO) == NANO


@pytest.mark.parametrize("config", [NANO, TINY], ids=["nano", "tiny"])
def test_each_rung_leaves_more_out(config):
    rungs = [step.of(config) for step in FAST]
    sizes = [one.image_size for one in rungs]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size % 32 == 0 for size in sizes)
    assert len(set(rungs)) == len(FAST)
    assert all(one.memory_pool == 2 for one in rungs[1:])


@pytest.mark.parametrize("level", [-1, len(FAST)])
def test_no_such_rung(level):
    with pytest.raises(ValueError, match=f"from 0 .* to {len(FAST) - 1}, got {level}"):
        rung(level)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory_recent": 0}, r"1\.\.3 or None, got 0"),
        ({"memory_recent": 4}, r"1\.\.3 or None, got 4"),
        ({"memory_pool": 5}, "divide the grid of 28 cells, got 5"),
        ({"memory_pool": 0}, "divide the grid of 28 cells, got 0"),
    ],
)
def test_impossible_configurations(change, message):
    with pytest.raises(ValueError, match=message):
        replace(NANO, **change)


def test_a_model_is_loaded_on_a_rung(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "small.safetensors"
    checkpoints.save(Sam2(NANO.at(96)), path)
    fast = load_model(path, device="cpu", fast=3)
    assert (fast.config.image_size, fast.config.memory_recent, fast.config.memory_pool) == (64, 1, 2)
    assert fast.state_dict().keys() == load_model(path, device="cpu").state_dict().keys()
    with pytest.raises(ValueError, match="got 9"):
        load_model(path, device="cpu", fast=9)


def test_pooled_memories_turn_by_the_mean_angle_of_their_cells():
    angles = [torch.atan2(sin, cos) for cos, sin in (rotary_table(4, 6, 8, CPU), rotary_table(2, 3, 8, CPU, pool=2))]
    # All but the fastest frequency stay below half a turn on so small a grid: there angles can be averaged.
    cells, pooled = (
        angle.unflatten(0, size)[..., [2, 3, 6, 7]] for angle, size in zip(angles, [(4, 6), (2, 3)], strict=True)
    )
    means = cells.unflatten(0, (2, 2)).unflatten(2, (3, 2)).mean(dim=(1, 3))
    torch.testing.assert_close(pooled, means, atol=1e-5, rtol=1e-4)
