"""Synthetic checkpoints: official names and shapes, values by the rule of the shared folder."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch

PUBLISHED = {
    f"sam{version}_hiera_{size}": f"sam{version}-hiera-{size.replace('_', '-')}"
    for version in ("2", "2.1")
    for size in ("tiny", "small", "base_plus", "large")
}
"""File stem of each published checkpoint -> our name of the model."""


@pytest.fixture(scope="session")
def synthetic(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], AbstractContextManager[Path]]:
    """`with synthetic("sam2.1_hiera_tiny") as path:` an official-format checkpoint, removed afterwards."""
    spec = importlib.util.spec_from_file_location("synth", shared / "parity" / "synth.py")
    assert spec is not None
    assert spec.loader is not None
    synth = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(synth)

    @contextmanager
    def write(stem: str) -> Iterator[Path]:
        path = tmp_path_factory.mktemp("checkpoint") / f"{stem}.pt"
        arrays = synth.state_dict(shared / "parity" / f"{stem}.manifest.json")
        torch.save({"model": {name: torch.from_numpy(array) for name, array in arrays.items()}}, path)
        try:
            yield path
        finally:
            path.unlink()

    return write


@pytest.fixture(params=PUBLISHED)
def published(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each published model: its file's stem and our name."""
    return request.param, PUBLISHED[request.param]


@pytest.fixture
def manifest(published: tuple[str, str], shared: Path) -> dict[str, tuple[int, ...]]:
    """The official tensors of each published model, name -> shape."""
    shapes = json.loads((shared / "parity" / f"{published[0]}.manifest.json").read_text())
    return {name: tuple(shape) for name, shape in shapes.items()}
