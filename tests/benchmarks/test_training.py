from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from masklet.model.configs import NANO, HieraConfig, ModelConfig
from masklet.model.sam2 import build
from masklet.train.recipes import finetune

pytest.importorskip("transformers")

from benchmarks import training

TINY = ModelConfig(
    name="small",
    encoder=HieraConfig(embed_dim=16, heads=1, depths=(1, 1, 3, 1), global_blocks=(3,), background_size=2),
    image_size=64,
    d_model=64,
    memory_layers=1,
    memory_ffn=128,
    decoder_ffn=128,
)


def test_both_sides_have_the_same_loss():
    row = training.compare(TINY, training.lesson(64, 1, 2, 2), "fp32", rounds=1)
    assert row["objects"] == 2
    assert row["ratio"] == pytest.approx(row["transformers"] / row["masklet"])


def test_sides_that_disagree_are_not_timed(monkeypatch):
    monkeypatch.setitem(training.SIDES, "transformers", lambda model, task: training.peer_loss(model, task) * 1.1)
    with pytest.raises(ValueError, match="the sides' losses differ"):
        training.compare(TINY, training.lesson(64, 1, 1, 1), "fp32", rounds=1)


def test_rows_for_stills_and_clips():
    recipe = replace(finetune(size=64, clips=1, stills=2, length=2, objects=1), model=TINY)
    stills, clips = training.measure(recipe, "fp32", steps=1, ceiling=1e12)
    assert (stills["samples"], clips["samples"]) == ("2 stills", "1 clips x 2")
    assert clips["frames_per_second"] == 2 * clips["samples_per_second"]
    assert stills["gflop"] > 0


def test_attention_is_counted():
    q = torch.randn(1, 2, 64, 32, requires_grad=True)
    with training.counter() as counted:
        torch.nn.functional.scaled_dot_product_attention(q, q, q).sum().backward()
    forward = 2 * 2 * 2 * 64 * 64 * 32  # two products of two heads
    assert counted.get_total_flops() == pytest.approx(3.5 * forward)


@pytest.mark.parametrize(("groups", "transposed"), [(1, False), (8, False), (1, True), (4, True)])
def test_convolutions_are_counted_with_their_groups(groups, transposed):
    kind = torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d
    layer = kind(8, 16, 2, stride=2, groups=groups)
    x = torch.randn(3, 8, 12, 10, requires_grad=True)
    with training.counter() as counted:
        layer(x).sum().backward()
    places = 3 * (12 * 10 if transposed else 6 * 5)  # forward, to the input and to the weights
    assert counted.get_total_flops() == 3 * 2 * places * layer.weight.numel()


def test_what_runs_without_gradients_is_counted_as_with_them():
    """There a CPU has kernels of its own, which torch does not count."""
    torch.manual_seed(0)
    model = build(NANO.at(64)).eval()
    picture = torch.randn(1, 3, 64, 64)
    with training.counter() as plain:
        model.encode_image(picture)
    with torch.inference_mode(), training.counter() as fused:
        model.encode_image(picture)
    assert plain.get_total_flops() == fused.get_total_flops() > 0


def test_a_click_more_each_round():
    task = training.lesson(64, 1, 2, 3)
    assert [points.labels.tolist() for points in task.clicks] == [[[1]] * 2, [[1, 0]] * 2, [[1, 0, 1]] * 2]
    rows, columns = ((task.clicks[0].coordinates[:, 0].flip(1) + 0.5) // 4).long().T
    assert (task.batch.shares[range(2), 0, rows, columns] >= 0.5).all()


def test_the_ceiling_is_a_rate():
    assert training.matmul_ceiling(torch.float32, side=64, rounds=1) > 0
