"""A small model with random weights and small clips: behaviour, not quality."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from masklet.model.configs import NANO
from masklet.model.sam2 import Sam2

SIDE = 64


@pytest.fixture(scope="session")
def model() -> Sam2:
    torch.manual_seed(0)
    return Sam2(NANO.at(SIDE)).eval()


@pytest.fixture(scope="session")
def frames() -> np.ndarray:
    """24 frames of 48x64: a bright square that moves over noise."""
    rng = np.random.default_rng(0)
    video = rng.integers(0, 120, (24, 48, 64, 3), dtype=np.uint8)
    for t, frame in enumerate(video):
        frame[10:26, 4 + t : 20 + t] = 230
    return video
