"""The windows of reference: which memories and pointers a frame attends to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from masklet.model.configs import NANO
from masklet.model.positions import sine_grid
from masklet.model.sam2 import Sam2
from masklet.session.memory import MemoryBank, Selection, tokens
from masklet.session.records import Memory

REACH = 6  # of seven memories, one frame apart


def record(frame: int) -> Memory:
    """A record whose memory and pointer carry the frame's number."""
    value = torch.full((1, 1, 1), float(frame))
    return Memory(logits=value, pointer=value.flatten(), memory=value, score=1.0, iou=1.0)


def bank_of(conditioning: list[int], tracked: list[int]) -> MemoryBank:
    bank = MemoryBank(None, REACH)
    bank.conditioning = {frame: record(frame) for frame in conditioning}
    for frame in tracked:
        bank.tracked.put(frame, record(frame))
    return bank


def chosen(bank: MemoryBank, frame: int, **options: Any) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int]:
    arguments = {"reverse": False, "length": None, "memories": 7, "pointers": 16, **options}
    selection = bank.select(frame, **arguments)
    spatial = [(code, int(memory.flatten()[0])) for code, memory in selection.spatial]
    return spatial, [(step, int(pointer[0])) for step, pointer in selection.pointers], selection.span


def test_forward() -> None:
    spatial, pointers, span = chosen(bank_of([0], list(range(1, 20))), 20)
    assert spatial == [(6, 0), (5, 14), (4, 15), (3, 16), (2, 17), (1, 18), (0, 19)]
    assert pointers == [(20, 0)] + [(step, 20 - step) for step in range(1, 16)]
    assert span == 15


def test_reverse_looks_at_later_frames() -> None:
    spatial, pointers, _ = chosen(bank_of([9], [8, 7, 6]), 5, reverse=True)
    assert spatial == [(6, 9), (2, 8), (1, 7), (0, 6)]
    assert pointers == [(4, 9), (1, 6), (2, 7), (3, 8)]


def test_a_stride_keeps_the_last_frame_and_multiples_of_it() -> None:
    bank = MemoryBank(None, reach=16)
    bank.conditioning = {0: record(0)}
    for frame in range(1, 20):
        bank.tracked.put(frame, record(frame))
    assert chosen(bank, 20, stride=3)[0] == [(6, 0), (5, 6), (4, 9), (3, 12), (2, 15), (1, 18), (0, 19)]
    assert chosen(bank, 16, stride=5, memories=4)[0] == [(3, 0), (2, 5), (1, 10), (0, 15)]


def test_a_stride_backward() -> None:
    bank = MemoryBank(None, reach=16)
    bank.conditioning = {30: record(30)}
    for frame in range(29, 10, -1):
        bank.tracked.put(frame, record(frame))
    assert chosen(bank, 16, stride=3, memories=4, reverse=True)[0] == [(3, 30), (2, 21), (1, 18), (0, 17)]


@given(frame=st.integers(0, 200), memories=st.integers(1, 7), stride=st.integers(1, 6))
def test_what_a_bank_without_archive_keeps_is_all_that_is_looked_at(frame: int, memories: int, stride: int) -> None:
    config = replace(NANO, memories=memories, memory_stride=stride)
    bank = MemoryBank(None, config.memory_reach)
    for past in range(frame):
        bank.tracked.put(past, record(past))
    spatial, _, _ = chosen(bank, frame, memories=memories, stride=stride)
    oldest = [frame - 1, *(((frame - 2) // stride - age) * stride for age in range(memories - 2))][: memories - 1]
    assert [t for _, t in spatial] == sorted(t for t in oldest if t >= 0)


def test_future_conditioning_frames_give_their_memory_but_not_their_pointer() -> None:
    spatial, pointers, _ = chosen(bank_of([10, 0], [1, 2]), 3)
    assert [frame for _, frame in spatial] == [10, 0, 1, 2]
    assert pointers == [(3, 0), (1, 2), (2, 1)]


def test_short_videos_scale_the_time_of_pointers() -> None:
    assert chosen(bank_of([0], []), 1, length=9)[2] == 8
    assert chosen(bank_of([0], []), 0, length=1)[2] == 0


def test_closest_conditioning_frames_and_the_others_as_ordinary_ones() -> None:
    bank = bank_of([0, 5, 9, 30], [])
    spatial, pointers, _ = chosen(bank, 10, most_conditioning=2)
    assert spatial == [(6, 9), (6, 30), (4, 5)]
    assert pointers == [(1, 9), (5, 5), (10, 0)]


@given(
    conditioning=st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True),
    tracked=st.lists(st.integers(0, 40), max_size=40, unique=True),
    frame=st.integers(0, 40),
    reverse=st.booleans(),
    memories=st.integers(2, 7),
)
def test_windows(conditioning: list[int], tracked: list[int], frame: int, reverse: bool, memories: int) -> None:
    tracked = [t for t in tracked if t not in conditioning]
    bank = MemoryBank(None, REACH)
    bank.conditioning = {t: record(t) for t in conditioning}
    recent = sorted(tracked, key=lambda t: -abs(t - frame))  # the closest were written last
    for t in recent:
        bank.tracked.put(t, record(t))
    spatial, pointers, _ = chosen(bank, frame, reverse=reverse, memories=memories)
    came_from = (lambda t: t - frame) if reverse else (lambda t: frame - t)
    assert [t for code, t in spatial if code == memories - 1] == conditioning
    window = sorted((t for t in bank.tracked.frames() if 0 < came_from(t) < memories), key=came_from, reverse=True)
    assert [(code, t) for code, t in spatial if code != memories - 1] == [(came_from(t) - 1, t) for t in window]
    assert all(step == came_from(t) for step, t in pointers)
    assert {t for _, t in pointers if t in conditioning} == {t for t in conditioning if came_from(t) >= 0}
    assert all(came_from(t) < 16 for _, t in pointers if t not in conditioning)


def test_only_the_most_recent_memories_where_they_are_limited() -> None:
    bank = bank_of([0], list(range(1, 12)))
    spatial, pointers, _ = chosen(bank, 12, recent=2)
    assert spatial == [(6, 0), (1, 10), (0, 11)]
    assert len(pointers) == 12  # pointers are as many as ever


def selection(times: list[int], maps: torch.Tensor, steps: list[int]) -> Selection:
    pointers = tuple((step, torch.full((NANO.d_model,), float(step))) for step in steps)
    return Selection(tuple(zip(times, maps, strict=True)), pointers, 15)


@pytest.mark.parametrize("pool", [1, 2])
def test_tokens_are_means_over_squares_of_cells(pool: int) -> None:
    torch.manual_seed(0)
    config = replace(NANO.at(64), memory_pool=pool)
    model = Sam2(config).eval()
    side, dim = config.grid, config.memory_dim
    maps = torch.randn(2, dim, side, side)
    with torch.inference_mode():
        found = tokens(model, [selection([3, 0], maps, [1, 2])])
    small = side // pool
    count = small * small
    assert (found.pool, found.pointers) == (pool, 2 * NANO.d_model // dim)
    assert found.values.shape == found.positions.shape == (1, 2 * count + found.pointers, dim)
    places = sine_grid(side, side, dim, torch.device("cpu"))[0]
    for index, time in enumerate((3, 0)):
        for row, column in ((0, 0), (small - 1, 1)):
            cells = [(row * pool + down, column * pool + across) for down in range(pool) for across in range(pool)]
            token = index * count + row * small + column
            mean = torch.stack([maps[index, :, y, x] for y, x in cells]).mean(dim=0)
            place = torch.stack([places[y * side + x] for y, x in cells]).mean(dim=0) + model.memory_time[time]
            torch.testing.assert_close(found.values[0, token], mean)
            torch.testing.assert_close(found.positions[0, token], place)


def test_objects_with_times_of_their_own_keep_them_in_one_batch() -> None:
    torch.manual_seed(0)
    model = Sam2(NANO.at(64)).eval()
    maps = torch.randn(3, 2, NANO.memory_dim, 4, 4)
    each = [selection(times, maps[i], [1]) for i, times in enumerate(([3, 0], [3, 1], [3, 0]))]
    with torch.inference_mode():
        together = tokens(model, each)
        for index, one in enumerate(each):
            alone = tokens(model, [one])
            assert torch.equal(together.values[index], alone.values[0])
            assert torch.equal(together.positions[index], alone.positions[0])
            assert torch.equal(together.times[index], alone.times[0])
