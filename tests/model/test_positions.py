from __future__ import annotations

import math

import pytest
import torch

from masklet.model.positions import fourier, fourier_grid, sine_grid, sine_steps

CPU = torch.device("cpu")


@pytest.mark.parametrize(("height", "width", "channels"), [(4, 4, 16), (3, 5, 8), (64, 64, 256)])
def test_sine_grid(height: int, width: int, channels: int):
    table = sine_grid(height, width, channels, CPU)
    assert table.shape == (1, height * width, channels)
    half = channels // 2
    for y, x, c in ((0, 0, 0), (height - 1, width - 1, channels - 1), (1, 2, half), (2, 1, half - 1), (2, 1, 2)):
        place, length, index = (y, height, c) if c < half else (x, width, c - half)
        angle = (place + 1) / (length + 1e-6) * 2 * math.pi / 10_000 ** (2 * (index // 2) / half)
        expected = math.cos(angle) if index % 2 else math.sin(angle)
        assert table[0, y * width + x, c].item() == pytest.approx(expected, abs=1e-5)


def test_sine_steps():
    steps = torch.tensor([[-0.5, 0.0], [1.0, 3.0]])
    code = sine_steps(steps, 8)
    assert code.shape == (2, 2, 8)
    for c in range(8):
        index = c % 4
        angle = 3.0 / 10_000 ** (2 * (index // 2) / 4)
        assert code[1, 1, c].item() == pytest.approx(math.sin(angle) if c < 4 else math.cos(angle), abs=1e-6)


def test_fourier_features_of_points():
    matrix = torch.randn(2, 4)
    [code] = fourier(torch.tensor([[0.25, 0.75]]), matrix)
    for c in range(4):
        angle = 2 * math.pi * (-0.5 * matrix[0, c] + 0.5 * matrix[1, c]).item()
        assert code[c].item() == pytest.approx(math.sin(angle), abs=1e-5)
        assert code[c + 4].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_a_grid_is_the_features_of_cell_centres():
    matrix = torch.randn(2, 6)
    grid = fourier_grid(3, 5, matrix)
    assert grid.shape == (1, 15, 12)
    centres = torch.tensor([[(x + 0.5) / 5, (y + 0.5) / 3] for y in range(3) for x in range(5)])
    torch.testing.assert_close(grid[0], fourier(centres, matrix))
