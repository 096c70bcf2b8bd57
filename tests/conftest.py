"""Fixtures shared by every room's tests."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch

# Tests judge the model by PyTorch's own kernels, wherever they run; tests/model/test_native.py compares the others.
os.environ.setdefault("MASKLET_NATIVE", "0")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden outputs, pictures and clips that lies beside a checkout of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the shared folder beside the checkout ({SHARED.name}/ is absent)")
    return SHARED


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
