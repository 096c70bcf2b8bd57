"""The bundled model on the demo's clip: what a new user sees first, and the faster precision against the exact one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from masklet.media import Clip, open_clip, read_mask
from masklet.model import load_model
from masklet.session import VideoSession

ASSETS = Path(__file__).resolve().parents[2] / "assets"
START, STOP = 48, 56


@pytest.fixture(scope="module")
def clip() -> Iterator[Clip]:
    with open_clip(ASSETS / "bigbuckbunny.mp4") as opened:
        yield opened


@pytest.fixture(scope="module")
def rabbit() -> np.ndarray:
    return read_mask(ASSETS / "bigbuckbunny-48.png") > 0


def track(clip: Clip, mask: np.ndarray, dtype: torch.dtype) -> list[np.ndarray]:
    session = VideoSession(load_model("nano", device="cpu", dtype=dtype), clip, archive=False)
    session.prompt(START, 1, mask=mask)
    return [result.objects[1].mask for result in session.propagate(START, STOP)]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.fixture(scope="module")
def exact(clip: Clip, rabbit: np.ndarray) -> list[np.ndarray]:
    return track(clip, rabbit, torch.float32)


def test_follows_the_rabbit(exact: list[np.ndarray], rabbit: np.ndarray) -> None:
    assert len(exact) == STOP - START
    assert all(iou(mask, rabbit) > 0.7 for mask in exact)  # it hardly moves over a third of a second


def test_bfloat16_gives_the_masks_of_float32(clip: Clip, rabbit: np.ndarray, exact: list[np.ndarray]) -> None:
    for fast, mask in zip(track(clip, rabbit, torch.bfloat16), exact, strict=True):
        assert iou(fast, mask) > 0.97


def test_a_click_finds_what_it_is_on(clip: Clip, rabbit: np.ndarray) -> None:
    session = VideoSession(load_model("nano", device="cpu"), clip, archive=False)
    y, x = (int(np.median(axis)) for axis in np.nonzero(rabbit))
    found = session.prompt(START, 1, points=[(x, y)]).objects[1]
    assert found.visible
    assert found.mask[y, x]
    assert (found.mask & rabbit).sum() > 0.5 * found.mask.sum()  # more rabbit than meadow
