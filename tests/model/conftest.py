"""The published models, and the tensors of their checkpoints."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from masklet.model import native

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


@pytest.fixture
def native_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernels of masklet-native are used, where they can be."""
    if importlib.util.find_spec("masklet_native") is None:
        pytest.skip("needs masklet-native: pip install ./native")
    monkeypatch.setenv("MASKLET_NATIVE", "1")
    library = native.library
    library.cache_clear()
    if library() is None:
        pytest.skip("needs a processor with AMX")
    yield
    library.cache_clear()


@pytest.fixture(params=["pytorch", "native"])
def kernels(request: pytest.FixtureRequest) -> None:
    """Once with PyTorch's kernels and once with masklet-native's."""
    if request.param == "native":
        request.getfixturevalue("native_kernels")
