"""The read-out of memory by likeness."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from masklet.model import memory_readout
from masklet.model.attention import attend
from masklet.model.configs import NANO, ReadoutConfig
from masklet.model.memory_readout import MASK_SCALE, MemoryReadout
from masklet.model.memory_tokens import MemoryTokens

GRID = 4
CELLS = GRID * GRID
CONFIG = NANO.at(16 * GRID)
KEYS = ReadoutConfig().key_dim


def made() -> MemoryReadout:
    torch.manual_seed(0)
    assert CONFIG.readout is not None
    return MemoryReadout(CONFIG, CONFIG.readout)


def centres(side: int = GRID) -> torch.Tensor:
    axis = (torch.arange(side) + 0.5) / side
    return torch.cartesian_prod(axis, axis)


@pytest.mark.parametrize("pool", [1, 2])
@torch.no_grad()
def test_the_fused_look_is_the_softmax_that_it_stands_for(pool: int):
    readout = made()
    times = torch.tensor([[3, 0, 1], [3, 0, 2]])
    cells = CELLS // pool**2
    keys, values, queries = torch.randn(2, 3 * cells, KEYS), torch.randn(2, 3 * cells, 32), torch.randn(1, CELLS, KEYS)
    found = readout._look(queries, keys, values, times, (GRID, GRID), pool)
    apart = torch.cdist(centres(), centres(GRID // pool).repeat(3, 1)).square()
    for one, row in enumerate(times):
        unlike = torch.cdist(queries[0], keys[one]).square()
        for head in range(2):
            codes = row.repeat_interleave(cells)
            weights = readout.trust[head, codes] - readout.sharpness[head].exp() * unlike
            weights = (weights - readout.locality[head].exp()[codes] * apart).softmax(dim=-1)
            torch.testing.assert_close(found[one, head], weights @ values[one], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_objects_with_the_same_frames_in_mind_share_a_look_and_read_what_each_would_alone(
    monkeypatch: pytest.MonkeyPatch,
):
    looks: list[int] = []

    def counted(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> torch.Tensor:
        looks.append(len(q))
        return attend(q, k, v, scale)

    monkeypatch.setattr(memory_readout, "attend", counted)
    readout = made()
    torch.nn.init.normal_(readout.trust)
    queries, frames = torch.randn(1, CELLS, KEYS), torch.randn(1, 3 * CELLS, KEYS)
    values = torch.randn(4, 3 * CELLS, 32)

    def look(keys: torch.Tensor, times: torch.Tensor) -> list[torch.Tensor]:
        alone = [
            readout._look(queries, keys[i : i + 1], values[i : i + 1], times[i : i + 1], (GRID, GRID)) for i in range(4)
        ]
        return [readout._look(queries, keys, values, times, (GRID, GRID)), torch.cat(alone)]

    same = torch.tensor([[3, 0, 1]]).expand(4, -1)
    torch.testing.assert_close(*look(frames.expand(4, -1, -1), same), atol=1e-5, rtol=1e-4)
    other_times = torch.cat((same[:3], torch.tensor([[3, 1, 2]])))
    torch.testing.assert_close(*look(frames.expand(4, -1, -1), other_times), atol=1e-5, rtol=1e-4)
    other_frame = torch.cat((frames.expand(3, -1, -1), torch.randn(1, 3 * CELLS, KEYS)))
    torch.testing.assert_close(*look(other_frame, same), atol=1e-5, rtol=1e-4)
    assert [count for count in looks if count > 1] == [4, 4]  # alike, all four share one; else each has its own
    assert len(looks) == 15


@torch.no_grad()
def test_the_mask_follows_what_it_was_on():
    """The picture shifts by a cell: the mask that is read shifts with it, though memory holds the old place."""
    readout = made()
    torch.nn.init.orthogonal_(readout.key.weight)
    frame = 4 * torch.randn(1, CONFIG.d_model, GRID, GRID)
    moved = frame.roll(1, dims=3)
    mask = torch.zeros(1, 1, 16 * GRID, 16 * GRID)
    mask[..., 16:48, 16:32] = 1
    stored = readout.store(frame, mask, torch.zeros(1, CONFIG.encoded_dim, GRID, GRID))
    tokens = stored.flatten(2).transpose(1, 2)
    keys, values = tokens[..., :KEYS], tokens[..., KEYS:]
    queries = readout.key(moved).flatten(2).transpose(1, 2)
    read = readout._look(queries, keys, values, torch.tensor([[3]]), (GRID, GRID))
    shares = read[0, 0, :, :16].mean(dim=1).unflatten(0, (GRID, GRID)) / MASK_SCALE  # -1..1
    expected = torch.zeros(GRID, GRID, dtype=torch.bool)
    expected[1:3, 2] = True
    assert torch.equal(shares > 0, expected)


@torch.no_grad()
def test_memory_holds_the_mask_in_parts_of_a_cell():
    readout = made()
    mask = torch.zeros(1, 1, 16 * GRID, 16 * GRID)
    mask[..., 20:24, 16:20] = 1  # second row, first column of the parts of cell (1, 1)
    stored = readout.store(
        torch.zeros(1, CONFIG.d_model, GRID, GRID), mask, torch.zeros(1, CONFIG.encoded_dim, GRID, GRID)
    )
    parts = stored[0, KEYS : KEYS + 16]
    inside = (parts == MASK_SCALE).nonzero().tolist()
    assert inside == [[4, 1, 1]]
    assert (parts == -MASK_SCALE).sum() == parts.numel() - 1


@torch.no_grad()
def test_without_maps_there_is_nothing_to_read_but_no_error():
    memory = MemoryTokens(torch.randn(2, 8, 64), torch.zeros(2, 8, 64), torch.zeros(2, 0, dtype=torch.long), 8)
    out = made()(torch.randn(1, CONFIG.d_model, GRID, GRID), memory)
    assert out.shape == (2, CELLS, CONFIG.d_model)
    torch.testing.assert_close(out[0], out[1])


def test_a_memory_must_leave_room_beside_the_read_out():
    with pytest.raises(ValueError, match="leaves no channel"):
        replace(NANO, readout=ReadoutConfig(key_dim=48))
