"""The published models, and the tensors of their checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PUBLISHED = {
    f"sam{version}_hiera_{size}": f"sam{version}-hiera-{size.replace('_', '-')}"
    for version in ("2", "2.1")
    for size in ("tiny", "small", "base_plus", "large")
}
"""File stem of each published checkpoint -> our name of the model."""


@pytest.fixture(params=PUBLISHED)
def published(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each published model: its file's stem and our name."""
    return request.param, PUBLISHED[request.param]


@pytest.fixture
def manifest(published: tuple[str, str], shared: Path) -> dict[str, tuple[int, ...]]:
    """The official tensors of each published model, name -> shape."""
    shapes = json.loads((shared / "parity" / f"{published[0]}.manifest.json").read_text())
    return {name: tuple(shape) for name, shape in shapes.items()}
