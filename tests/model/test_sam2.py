from __future__ import annotations

import pytest
import torch

from masklet.model.configs import NANO, HieraConfig, ModelConfig
from masklet.model.encoder import ImageFeatures
from masklet.model.memory_tokens import MemoryTokens
from masklet.model.prompt_encoder import PADDING, Points
from masklet.model.sam2 import Sam2

HIERA = ModelConfig(
    name="small",
    encoder=HieraConfig(embed_dim=16, heads=1, depths=(1, 2, 3, 1), global_blocks=(4,)),
    d_model=64,
    memory_dim=16,
    memory_layers=2,
    memory_ffn=64,
    mask_channels=(4, 8, 16, 64),
    decoder_ffn=64,
)
OBJECTS, CELLS_OF_POINTERS = 3, 8


def made(config: ModelConfig, seed: int = 0) -> Sam2:
    torch.manual_seed(seed)
    return Sam2(config).eval()


def tokens_of(memory: torch.Tensor, pointers: int) -> MemoryTokens:
    """Two maps and some pointer tokens for each object, with random positions."""
    objects, channels = memory.shape[:2]
    values = memory.flatten(2).transpose(1, 2)
    values = torch.cat((values, values.flip(1), torch.randn(objects, pointers, channels)), dim=1)
    times = torch.tensor([0, 3]).expand(objects, -1)
    return MemoryTokens(values, torch.randn_like(values), times, pointers)


@pytest.mark.parametrize("side", [64, 96, 512])
@pytest.mark.parametrize("base", [HIERA, NANO], ids=["hiera", "convolutions"])
@torch.inference_mode()
def test_every_step_runs_at_any_multiple_of_32(base: ModelConfig, side: int):
    config = base.at(side)
    model, grid, channels = made(config), side // 16, config.d_model
    features = model.encode_image(torch.randn(1, 3, side, side))
    points = Points(torch.full((OBJECTS, 1, 2), side / 2.0), torch.ones(OBJECTS, 1, dtype=torch.long))
    decoded = model.decode(model.without_memory(features.embedding), features, points=points)
    assert decoded.logits.shape == (OBJECTS, 4, 4 * grid, 4 * grid)
    assert decoded.iou.shape == (OBJECTS, 4)
    assert decoded.tokens.shape == (OBJECTS, 4, channels)
    assert decoded.object_score.shape == (OBJECTS, 1)
    visible = decoded.object_score > 0
    masks = model.upsample(decoded.logits[:, :1]).sigmoid()
    assert masks.shape == (OBJECTS, 1, side, side)
    memory = model.encode_memory(features.embedding, masks, visible)
    assert memory.shape == (OBJECTS, config.memory_dim, grid, grid)
    conditioned = model.with_memory(features.embedding, tokens_of(memory, CELLS_OF_POINTERS))
    assert conditioned.shape == (OBJECTS, channels, grid, grid)
    again = model.decode(conditioned, features, points=model.no_points(OBJECTS), masks=decoded.logits[:, :1])
    assert again.logits.isfinite().all()
    assert model.pointer(again.tokens[:, 0], visible).shape == (OBJECTS, channels)
    assert model.mask_pointer(features, (masks > 0.5).float()).shape == (OBJECTS, channels)


@torch.inference_mode()
def test_objects_of_a_batch_do_not_see_each_other():
    model = made(HIERA.at(96))
    features = model.encode_image(torch.randn(1, 3, 96, 96))
    memory = tokens_of(torch.randn(OBJECTS, 16, 6, 6), CELLS_OF_POINTERS)
    points = Points(torch.rand(OBJECTS, 2, 2) * 96, torch.tensor([[1, 0], [2, 3], [1, PADDING]]))
    masks = torch.randn(OBJECTS, 1, 24, 24)
    conditioned = model.with_memory(features.embedding, memory)
    decoded = model.decode(conditioned, features, points=points, masks=masks)
    for n in range(OBJECTS):
        one = slice(n, n + 1)
        alone = MemoryTokens(memory.values[one], memory.positions[one], memory.times[one], memory.pointers)
        single = model.with_memory(features.embedding, alone)
        torch.testing.assert_close(single, conditioned[one], atol=1e-4, rtol=1e-4)
        found = model.decode(
            single, features, points=Points(points.coordinates[one], points.labels[one]), masks=masks[one]
        )
        torch.testing.assert_close(found.logits, decoded.logits[one], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(found.object_score, decoded.object_score[one], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_memories_have_no_order_but_their_positions():
    model = made(HIERA.at(64))
    embedding = torch.randn(1, 64, 4, 4)
    values, positions = torch.randn(2, 2 * 16 + 4, 16), torch.randn(2, 2 * 16 + 4, 16)
    times = torch.tensor([[0, 3], [1, 0]])
    swapped = torch.cat((torch.arange(16, 32), torch.arange(16), torch.arange(32, 36)))
    torch.testing.assert_close(
        model.with_memory(embedding, MemoryTokens(values, positions, times, 4)),
        model.with_memory(embedding, MemoryTokens(values[:, swapped], positions[:, swapped], times.flip(1), 4)),
        atol=1e-5,
        rtol=1e-4,
    )


@torch.inference_mode()
def test_pointers_alone_are_a_memory():
    model = made(HIERA.at(64))
    memory = MemoryTokens(torch.randn(2, 8, 16), torch.zeros(2, 8, 16), torch.zeros(2, 0, dtype=torch.long), 8)
    assert model.with_memory(torch.randn(1, 64, 4, 4), memory).isfinite().all()


@torch.inference_mode()
def test_prompts_become_the_tokens_that_were_published():
    """A padding point is always last; the corners of a box are points; only a mask gives no token at all."""
    model = made(HIERA.at(64))
    encoder = model.prompt_encoder
    points = Points(torch.tensor([[[10.0, 20.0], [30.0, 40.0]]]), torch.tensor([[2, 3]]))
    tokens = encoder.sparse(points)
    assert tokens.shape == (1, 3, 64)
    assert torch.equal(tokens[0, 2], encoder.not_a_point[0])
    moved = encoder.sparse(Points(points.coordinates + 1, points.labels))
    assert not torch.equal(moved[0, 0], tokens[0, 0])
    assert torch.equal(moved[0, 2], tokens[0, 2])
    relabelled = encoder.sparse(Points(points.coordinates, torch.tensor([[0, 1]])))
    difference = encoder.label_embeddings[0] - encoder.label_embeddings[2]
    torch.testing.assert_close(relabelled[0, 0] - tokens[0, 0], difference, atol=1e-6, rtol=1e-4)
    assert encoder.sparse(model.no_points(2)).shape == (2, 2, 64)
    assert encoder.dense(None).shape == (1, 64, 1, 1)
    assert encoder.dense(torch.zeros(2, 1, 16, 16)).shape == (2, 64, 4, 4)


@torch.inference_mode()
def test_hidden_objects_have_the_learned_pointer_and_memory():
    model = made(HIERA.at(64))
    assert model.no_object_memory is not None
    token = torch.randn(2, 64)
    visible = torch.tensor([[True], [False]])
    pointers = model.pointer(token, visible)
    torch.testing.assert_close(pointers[0], model.pointer_projection(token)[0])
    torch.testing.assert_close(pointers[1], model.no_object_pointer[0])
    embedding, masks = torch.randn(1, 64, 4, 4), torch.zeros(2, 1, 64, 64)
    memory = model.encode_memory(embedding, masks, visible)
    expected = memory[0] + model.no_object_memory[0, :, None, None]
    torch.testing.assert_close(memory[1], expected, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_sam_2_has_neither_time_codes_of_pointers_nor_a_memory_of_absence():
    from dataclasses import replace

    model = made(replace(HIERA.at(64), pointer_time=False, occlusion_memory=False))
    assert (model.pointer_positions(torch.tensor([1, 2]), 15) == 0).all()
    hidden, shown = (torch.tensor([[flag]]) for flag in (False, True))
    embedding, masks = torch.randn(1, 64, 4, 4), torch.zeros(1, 1, 64, 64)
    assert torch.equal(model.encode_memory(embedding, masks, hidden), model.encode_memory(embedding, masks, shown))


@torch.inference_mode()
def test_features_can_be_split_into_images():
    model = made(NANO.at(64))
    features = model.encode_image(torch.randn(2, 3, 64, 64))
    second = features[1]
    assert isinstance(second, ImageFeatures)
    assert torch.equal(second.stride8, features.stride8[1:2])


def test_gradients_reach_every_weight():
    """Also those that only memory, occlusion or a mask prompt uses."""
    model = made(HIERA.at(64)).train()
    features = model.encode_image(torch.randn(2, 3, 64, 64))
    first = features[0]
    points = Points(torch.rand(2, 5, 2) * 64, torch.tensor([[0, 1, 2, 3, PADDING]] * 2))
    decoded = model.decode(model.without_memory(first.embedding), first, points=points)
    visible = torch.tensor([[True], [False]])
    memory = model.encode_memory(first.embedding, model.upsample(decoded.logits[:, :1]).sigmoid(), visible)
    time = model.pointer_positions(torch.arange(8.0), 15) + model.memory_time.sum(0)
    tokens = tokens_of(memory, 8)
    positions = tokens.positions + torch.cat((time.new_zeros(32, 16), time))
    tokens = MemoryTokens(tokens.values, positions, tokens.times, 8)
    again = model.decode(
        model.with_memory(features[1].embedding, tokens), features[1], points=points, masks=decoded.logits[:, :1]
    )
    pointers = model.pointer(again.tokens[:, 1], visible)
    masked = model.mask_pointer(first, torch.ones(2, 1, 64, 64))
    parts = (again.logits, again.iou, again.object_score, decoded.logits, pointers, masked)
    sum(part.square().sum() for part in parts).backward()  # pyright: ignore[reportAttributeAccessIssue]
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []
